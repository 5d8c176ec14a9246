//! Whatever an organization looks like and whatever is asked: the service finds what the evaluator
//! of `scim::filter` finds in the resources as they are shown, in an order that holds from page to
//! page, and a PATCH comes to what its plan says.
//!
//! Cases are generated with a fixed seed, so a failure comes again; what is asked is in its message.

mod generate;
mod paging;
mod patching;

use std::sync::Arc;

use headcount::scim::filter::Filter;
use headcount::scim::registry::{Kind, Registry};
use headcount::scim::schema::Schema;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(filters, walks, patches);

const USERS: usize = 40;
const GROUPS: usize = 12;

/// An organization with an extension schema of its own, and generated users and groups.
struct World {
    server: Server,
    registry: Arc<Registry>,
    runner: TestRunner,
}

impl World {
    async fn new(server: Server, seed: u8) -> Self {
        let schema = generate::extension();
        let file = std::env::temp_dir().join(format!(
            "headcount-extension-{}-{}.json",
            std::process::id(),
            crate::support::unique()
        ));
        std::fs::write(&file, schema.to_string()).unwrap();
        server.command(&["schema", "add", "--organization", "acme", "--file", file.to_str().unwrap(), "--json"]);
        std::fs::remove_file(&file).unwrap();
        let registry = Registry::standard().unwrap().with_extension(Schema::from_json(schema).unwrap(), false).unwrap();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut world = Self { server, registry: Arc::new(registry), runner };
        world.populate().await;
        world
    }

    fn draw<S: Strategy>(&mut self, strategy: &S) -> S::Value {
        strategy.new_tree(&mut self.runner).unwrap().current()
    }

    async fn populate(&mut self) {
        let mut ids: Vec<String> = Vec::new();
        for number in 0..USERS {
            let body = self.draw(&generate::user(number));
            let (status, user) = self.server.post("/Users", &body).await;
            assert_eq!(status, 201, "{body}: {user}");
            ids.push(user["id"].as_str().unwrap().to_owned());
        }
        for _ in 0..GROUPS {
            let members = self.draw(&proptest::sample::subsequence(ids.clone(), 0..8));
            let mut body = self.draw(&generate::group());
            body["members"] = members.iter().map(|id| json!({"value": id})).collect();
            let (status, group) = self.server.post("/Groups", &body).await;
            assert_eq!(status, 201, "{body}: {group}");
            // Groups are members of later groups, so they nest.
            ids.push(group["id"].as_str().unwrap().to_owned());
        }
    }

    /// Every resource of a kind as it is shown, in the order of creation.
    async fn shown(&self, kind: Kind) -> Vec<Value> {
        let everything = match kind {
            Kind::User => "",
            // The names of members are in answers that ask for them.
            Kind::Group => {
                "&attributes=displayName,externalId,meta,members.value,members.$ref,members.type,members.display"
            }
        };
        let (status, page) = self.server.get(&format!("{}?count=1000{everything}", kind.endpoint())).await;
        assert_eq!(status, 200, "{page}");
        page["Resources"].as_array().unwrap().clone()
    }

    fn parse(&self, text: &str, kind: Kind) -> Filter {
        Filter::parse(text, self.registry.resource_type(kind)).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// A page, asked by GET.
    async fn page(&self, kind: Kind, parameters: &[(&str, String)]) -> Value {
        let response = self.server.request(Method::GET, kind.endpoint()).query(parameters).send().await.unwrap();
        let status = response.status();
        let page: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(status, 200, "{parameters:?}: {page}");
        page
    }
}

fn ids<'v>(resources: impl IntoIterator<Item = &'v Value>) -> Vec<String> {
    resources.into_iter().map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
}

async fn filters(server: Server) {
    let mut world = World::new(server, 1).await;
    let mut found = 0;
    for kind in Kind::ALL {
        let shown = world.shown(kind).await;
        let filters = generate::filter(kind, &shown);
        for _ in 0..150 {
            let text = world.draw(&filters);
            let filter = world.parse(&text, kind);
            let expected = ids(shown.iter().filter(|resource| filter.matches(resource)));
            let page = world.page(kind, &[("filter", text.clone()), ("count", "1000".to_owned())]).await;
            assert_eq!(ids(page["Resources"].as_array().unwrap()), expected, "{kind:?} {text}");
            assert_eq!(page["totalResults"], expected.len(), "{kind:?} {text}");
            found += usize::from(!expected.is_empty() && expected.len() < shown.len());
        }
    }
    // A test that only ever asks for nothing or everything would say little.
    assert!(found > 100, "only {found} of the filters tell resources apart");
}

async fn walks(server: Server) {
    paging::walks(World::new(server, 2).await).await;
}

async fn patches(server: Server) {
    patching::patches(World::new(server, 3).await).await;
}
