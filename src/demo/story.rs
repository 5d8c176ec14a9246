//! The script: people join, move and leave, and what they and their company meet on the way.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::browser::Browser;
use super::people::DOMAIN;
use super::provider::{Call, Provider};
use super::stage::Stage;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

struct Story<'s> {
    provider: &'s Provider,
    /// Where people sign in.
    issuer: &'s str,
    stage: &'s Stage,
    pace: Duration,
    surprises: usize,
}

/// Whom the provider knows once the joiners have joined.
struct People {
    olga: String,
    ann: String,
    ben: String,
    cleo: String,
    dev: String,
    engineering: String,
    sales: String,
}

/// Tells the story; how many calls were not answered as it expects.
pub(super) async fn tell(provider: &Provider, issuer: &str, stage: &Stage, pace: Duration) -> Result<usize, String> {
    let mut story = Story { provider, issuer, stage, pace, surprises: 0 };
    story.introduction().await?;
    let people = story.joiners().await?;
    story.movers(&people).await?;
    let mut dev = story.signing_in().await?;
    story.seats().await?;
    story.leavers(&people, &mut dev).await?;
    story.guards(&people).await?;
    story.census().await?;
    Ok(story.surprises)
}

impl Story<'_> {
    async fn introduction(&mut self) -> Result<(), String> {
        self.stage.chapter("The identity provider introduces itself");
        self.get(
            "/ServiceProviderConfig",
            200,
            "It asks what this service can do: PATCH, bulk, filters, sorting, ETags.",
        )
        .await?;
        self.get("/Schemas", 200, "It reads which attributes people and groups have.").await?;
        Ok(())
    }

    async fn joiners(&mut self) -> Result<People, String> {
        self.stage.chapter("Joiners");
        let ann = self.joins("ann", "Ann", "Anders", "Engineer").await?;
        let ben = self.joins("ben", "Ben", "Baker", "Account manager").await?;
        let cleo = self.joins("cleo", "Cleo", "Costa", "Account manager").await?;
        let dev = self.joins("dev", "Dev", "Das", "Engineer").await?;
        let adopted = "Olga Okafor was here before, by hand: she is adopted with her id, not created twice.";
        let olga = self.post("/Users", &person("olga", "Olga", "Okafor", "Founder"), 201, adopted).await?;
        let engineering = self.group("Engineering", &[&ann, &dev], "with Ann and Dev").await?;
        let sales = self.group("Sales", &[&ben, &cleo], "with Ben and Cleo").await?;
        Ok(People { olga: id(&olga), ann, ben, cleo, dev, engineering, sales })
    }

    async fn joins(&mut self, name: &str, given: &str, family: &str, title: &str) -> Result<String, String> {
        let unknown = format!("Is {name}@demo.example here already? Not yet.");
        self.get(&format!("/Users?filter=userName eq \"{name}@demo.example\""), 200, &unknown).await?;
        let joins = format!("{given} {family} joins as {title}.");
        self.post("/Users", &person(name, given, family, title), 201, &joins).await.map(|user| id(&user))
    }

    async fn group(&mut self, name: &str, members: &[&str], with: &str) -> Result<String, String> {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({"schemas": [GROUP], "displayName": name, "members": members});
        self.post("/Groups", &body, 201, &format!("The group {name} comes over, {with}.")).await.map(|group| id(&group))
    }

    async fn movers(&mut self, people: &People) -> Result<(), String> {
        self.stage.chapter("Movers");
        let promoted = json!([
            {"op": "replace", "path": "title", "value": "Staff engineer"},
            {"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": people.olga}}
        ]);
        self.patch(&user(&people.ann), promoted, 200, "Ann is promoted and reports to Olga now.").await?;
        let married = json!([
            {"op": "replace", "path": "name.familyName", "value": "Bauer"},
            {"op": "replace", "path": "userName", "value": "ben.bauer@demo.example"},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ben.bauer@demo.example"}
        ]);
        self.patch(&user(&people.ben), married, 200, "Ben marries: a new name and address, the same member.").await?;
        let leaves = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", people.cleo)}]);
        self.patch(&group(&people.sales), leaves, 204, "Cleo leaves Sales…").await?;
        let enters = json!([{"op": "add", "path": "members", "value": [{"value": people.cleo}]}]);
        self.patch(&group(&people.engineering), enters, 204, "…and moves to Engineering.").await?;
        let cleo = self.get(&user(&people.cleo), 200, "Cleo's own page says so too.").await?;
        self.stage.remark(&format!("Her groups: {}.", names(&cleo["groups"], "display")));
        Ok(())
    }

    async fn signing_in(&mut self) -> Result<Browser, String> {
        self.stage.chapter("Signing in");
        let one_click = "Dev signs in at the company's own tenant with one click, and is the member that was pushed.";
        let mut dev = Browser::new(self.stage.public_url())?;
        self.sign_in(&mut dev, "dev", 303, one_click).await?;
        self.looks(&mut dev, 200, "His session works.").await?;
        Ok(dev)
    }

    async fn seats(&mut self) -> Result<(), String> {
        self.stage.chapter("The company grows faster than its seats");
        self.post("/Users", &person("eve", "Eve", "Eriksen", "Designer"), 201, "Eve Eriksen joins on the last seat.")
            .await?;
        let refused = "Finn Fischer is refused, with a sentence for the people who run the provider:";
        self.post("/Users", &person("finn", "Finn", "Fischer", "Support"), 403, refused).await?;
        Ok(())
    }

    async fn leavers(&mut self, people: &People, dev_at_work: &mut Browser) -> Result<(), String> {
        self.stage.chapter("Leavers");
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        self.patch(&user(&people.dev), off.clone(), 200, "Dev leaves: deactivated, which frees the seat.").await?;
        self.looks(dev_at_work, 401, "His session has died in the same moment…").await?;
        self.sign_in(dev_at_work, "dev", 403, "…and he cannot open another one:").await?;
        self.post(
            "/Users",
            &person("finn", "Finn", "Fischer", "Support"),
            201,
            "Finn is tried again and has the seat.",
        )
        .await?;
        let dev = self.get(&user(&people.dev), 200, "Dev stays visible to the provider.").await?;
        self.stage.remark(&format!("active: {}, groups: {}.", dev["active"], names(&dev["groups"], "display")));
        self.patch(&user(&people.ann), off, 200, "Ann takes a year off.").await?;
        let back = person("ann", "Ann", "Anders", "Staff engineer");
        let again =
            self.post("/Users", &back, 201, "Ann is back: created anew by the provider, restored here.").await?;
        let same = if id(&again) == people.ann { "the same" } else { "not the same" };
        self.stage.remark(&format!("Her id is {same} as before."));
        self.send(Method::DELETE, &user(&people.ben), None, 204, "Ben is deleted for good.").await?;
        self.get(&user(&people.ben), 404, "Nothing is left to find under his id:").await?;
        let mut ben = Browser::new(self.stage.public_url())?;
        self.sign_in(&mut ben, "ben.bauer", 403, "He has a company address and may not come back by it:").await?;
        let mut gina = Browser::new(self.stage.public_url())?;
        let joins = "Gina Garcia has one too and is in no directory: she joins by it, on Ben's seat.";
        self.sign_in(&mut gina, "gina", 303, joins).await?;
        let gina = self.looks(&mut gina, 200, "She may read, as the domain says.").await?;
        let place = &gina["memberships"][0];
        self.stage.remark(&format!("role: {}, source: {}.", text(&place["role"]), text(&place["source"])));
        Ok(())
    }

    /// Somebody signs in with the address that begins so.
    async fn sign_in(&mut self, who: &mut Browser, local: &str, expected: u16, sentence: &str) -> Result<(), String> {
        tokio::time::sleep(self.pace).await;
        let call = who.sign_in(self.issuer, &format!("{local}@{DOMAIN}")).await?;
        self.show(&call, expected, sentence);
        Ok(())
    }

    /// Somebody looks at who they are here.
    async fn looks(&mut self, who: &mut Browser, expected: u16, sentence: &str) -> Result<Value, String> {
        tokio::time::sleep(self.pace).await;
        let call = who.get("/api/v1/me").await?;
        self.show(&call, expected, sentence);
        Ok(call.answer)
    }

    fn show(&mut self, call: &Call, expected: u16, sentence: &str) {
        if !self.stage.call(call, expected, sentence) {
            self.surprises += 1;
        }
    }

    async fn guards(&mut self, people: &People) -> Result<(), String> {
        self.stage.chapter("Mistakes that do no harm");
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        self.patch(&user(&people.olga), off, 409, "Somebody unassigns the only owner by mistake:").await?;
        self.post("/Users", &person("eve", "Eve", "Eriksen", "Designer"), 409, "Eve is sent a second time:").await?;
        let wrong = json!([{"op": "replace", "path": "favouriteColour", "value": "blue"}]);
        self.patch(&user(&people.ann), wrong, 400, "A mapping names an attribute that is none:").await?;
        Ok(())
    }

    async fn census(&mut self) -> Result<(), String> {
        self.stage.chapter("Who is here in the end");
        let everybody =
            self.get("/Users?attributes=displayName,active", 200, "The provider reads everybody back.").await?;
        let people = everybody["Resources"].as_array().map_or(&[][..], Vec::as_slice);
        let of = |wanted: bool| -> Value { people.iter().filter(|user| user["active"] == wanted).cloned().collect() };
        self.stage.remark(&format!("Active: {}.", names(&of(true), "displayName")));
        self.stage.remark(&format!("Deactivated: {}.", names(&of(false), "displayName")));
        Ok(())
    }

    async fn get(&mut self, path: &str, expected: u16, sentence: &str) -> Result<Value, String> {
        self.send(Method::GET, path, None, expected, sentence).await
    }

    async fn post(&mut self, path: &str, body: &Value, expected: u16, sentence: &str) -> Result<Value, String> {
        self.send(Method::POST, path, Some(body), expected, sentence).await
    }

    async fn patch(&mut self, path: &str, operations: Value, expected: u16, sentence: &str) -> Result<Value, String> {
        let body = json!({"schemas": [PATCH], "Operations": operations});
        self.send(Method::PATCH, path, Some(&body), expected, sentence).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        expected: u16,
        sentence: &str,
    ) -> Result<Value, String> {
        tokio::time::sleep(self.pace).await;
        let call = self.provider.send(method, path, body).await?;
        self.show(&call, expected, sentence);
        Ok(call.answer)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}

fn person(name: &str, given: &str, family: &str, title: &str) -> Value {
    let address = format!("{name}@demo.example");
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": format!("demo-{name}"),
        "userName": address,
        "name": {"givenName": given, "familyName": family},
        "displayName": format!("{given} {family}"),
        "title": title,
        "emails": [{"value": address, "type": "work", "primary": true}],
        ENTERPRISE: {"organization": "Demo Company"},
        "active": true
    })
}

fn user(id: &str) -> String {
    format!("/Users/{id}")
}

fn group(id: &str) -> String {
    format!("/Groups/{id}")
}

fn id(resource: &Value) -> String {
    text(&resource["id"]).to_owned()
}

/// One value of each element, as people enumerate them.
fn names(elements: &Value, key: &str) -> String {
    let names: Vec<&str> =
        elements.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(|element| element[key].as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
