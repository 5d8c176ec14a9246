//! The DNS (floor 3): TXT records, by which an organization proves a domain (product.md §5).

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

/// How long a look may take in all, whatever the servers do.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long one server may take: a second attempt fits into [`PATIENCE`].
const ATTEMPT: Duration = Duration::from_secs(2);

/// Records of one name that are looked at. The proof has a name of its own, where nothing else is.
const MOST_RECORDS: usize = 100;

/// Bytes of a record that are looked at; a proof is much shorter.
const LONGEST_RECORD: usize = 512;

/// The DNS did not answer, so nothing is known; why, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer(pub String);

/// Who is asked for TXT records.
pub trait TxtRecords: Send + Sync + 'static {
    /// The TXT records of a name, each put together of its strings (RFC 7208 §3.3 reads them so too);
    /// none where the DNS says that there are none.
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, NoAnswer>>;
}

/// Asks DNS servers over UDP, and over TCP where an answer does not fit.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// Empty: those of the system.
    servers: Vec<SocketAddr>,
}

impl Resolver {
    /// Asks these servers; none: those of the system.
    #[must_use]
    pub const fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// Looks are rare, so each is made by a resolver of its own: nothing is cached, so that people see
    /// what is there now, a changed `resolv.conf` counts, and no connection can have gone stale.
    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let mut builder = if self.servers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = self.servers.iter().map(|server| name_server(*server)).collect();
            TokioResolver::builder_with_config(
                ResolverConfig::from_name_servers(servers),
                TokioRuntimeProvider::default(),
            )
        };
        let options = builder.options_mut();
        options.timeout = ATTEMPT;
        options.attempts = 1;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        builder.build()
    }

    async fn look(&self, name: &str) -> Result<Vec<String>, NetError> {
        // With the root's dot: no search domain is put behind the name.
        let lookup = self.resolver()?.lookup(format!("{name}."), RecordType::TXT).await?;
        let texts = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(text(&txt.txt_data)),
            _ => None,
        });
        Ok(texts.take(MOST_RECORDS).collect())
    }
}

impl TxtRecords for Resolver {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, NoAnswer>> {
        async move {
            match tokio::time::timeout(PATIENCE, self.look(name)).await {
                Ok(Ok(records)) => Ok(records),
                Ok(Err(error)) if error.is_no_records_found() => Ok(Vec::new()),
                Ok(Err(error)) => Err(NoAnswer(error.to_string())),
                Err(_) => Err(NoAnswer("no answer in time".to_owned())),
            }
        }
        .boxed()
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let mut config = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut config.connections {
        connection.port = server.port();
    }
    config
}

fn text(strings: &[Box<[u8]>]) -> String {
    let bytes: Vec<u8> = strings.iter().flatten().copied().take(LONGEST_RECORD).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
