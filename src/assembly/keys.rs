//! The master key: 32 random bytes from which every key of the service is derived.
//!
//! It lives in `headcount.key` beside the database, made at the first start and readable by its
//! owner only. Replicas share it: as a file, or as the setting `keys.master`.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ring::{hkdf, hmac};

use crate::config::Config;
use crate::sealing::SealingKey;
use crate::secret::Random;
use crate::store::connection::DatabaseUrl;

/// The file's name.
const FILE: &str = "headcount.key";
/// Bytes of the master key; the file holds twice as many hexadecimal digits.
const LENGTH: usize = 32;

/// The keys of this service.
pub struct Keys([u8; LENGTH]);

impl Keys {
    /// The configured key, or the key file's; the file is made if there is none.
    ///
    /// # Errors
    /// A sentence naming the file, what is wrong with it and what to do.
    pub fn open(config: &Config, random: &dyn Random) -> Result<Self, String> {
        if let Some(keys) = Self::configured(config)? {
            return Ok(keys);
        }
        let path = path(config)?;
        if !path.exists() {
            create(&path, random).map_err(|error| {
                format!(
                    "the key file {} cannot be made: {error}. Make its directory writable, or set keys.directory",
                    path.display()
                )
            })?;
            tracing::info!(path = %path.display(), "made a key file");
        }
        read(&path)
    }

    /// Refuses a key that the service would refuse at its start; makes none.
    ///
    /// # Errors
    /// Those of [`Keys::open`].
    pub fn check(config: &Config) -> Result<(), String> {
        let path = path(config)?;
        if Self::configured(config)?.is_none() && path.exists() { read(&path).map(drop) } else { Ok(()) }
    }

    /// Keys of this process alone, for work that hands out nothing signed.
    #[must_use]
    pub fn ephemeral(random: &dyn Random) -> Self {
        let mut master = [0; LENGTH];
        random.fill(&mut master);
        Self(master)
    }

    fn configured(config: &Config) -> Result<Option<Self>, String> {
        match config.text("keys.master") {
            "" => Ok(None),
            text => parse(text).map(|master| Some(Self(master))).ok_or_else(|| {
                format!("keys.master must be {} hexadecimal digits, as `openssl rand -hex {LENGTH}` prints", 2 * LENGTH)
            }),
        }
    }

    /// Signs cursors (RFC 9865).
    #[must_use]
    pub fn cursors(&self) -> hmac::Key {
        self.derive(b"headcount cursors 1")
    }

    /// Signs the hidden input by which a form belongs to a browser.
    #[must_use]
    pub fn forms(&self) -> hmac::Key {
        self.derive(b"headcount forms 1")
    }

    /// Encrypts what is stored encrypted.
    ///
    /// # Panics
    /// Never, as below.
    #[must_use]
    pub fn sealing(&self) -> SealingKey {
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&self.0);
        let key = pseudorandom.expand(&[b"headcount sealing 1"], SealingKey::ALGORITHM);
        SealingKey::new(key.expect("one block is never too long").into())
    }

    /// One key for each purpose (HKDF, RFC 5869), so that no signature means something elsewhere.
    ///
    /// # Panics
    /// Never: HKDF-SHA256 can give 255 times what is asked for here.
    fn derive(&self, purpose: &[u8]) -> hmac::Key {
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&self.0);
        pseudorandom.expand(&[purpose], hmac::HMAC_SHA256).expect("one block is never too long").into()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// `keys.directory`, else where the SQLite file is, else `data`.
fn path(config: &Config) -> Result<PathBuf, String> {
    let directory = match (config.text("keys.directory"), config.database_url()?) {
        ("", DatabaseUrl::Sqlite(database)) => database.parent().map(Path::to_owned).unwrap_or_default(),
        ("", DatabaseUrl::Postgres(_)) => PathBuf::from("data"),
        (directory, _) => PathBuf::from(directory),
    };
    Ok(directory.join(FILE))
}

/// Makes the file, whole or not at all. When several processes start at once, the first one's stays.
fn create(path: &Path, random: &dyn Random) -> std::io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let (mut master, mut name) = ([0; LENGTH], [0; 8]);
    random.fill(&mut master);
    random.fill(&mut name);
    let draft = directory.join(format!(".{FILE}.{}", hexadecimal(&name)));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let outcome = file
        .write_all(format!("{}\n", hexadecimal(&master)).as_bytes())
        .and_then(|()| file.sync_all())
        // Unlike a rename, a link does not replace what another process has made meanwhile.
        .and_then(|()| match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    std::fs::remove_file(&draft)?;
    outcome.and_then(|()| std::fs::File::open(directory)?.sync_all())
}

fn read(path: &Path) -> Result<Keys, String> {
    let file = path.display();
    let unreadable = |error: std::io::Error| {
        format!(
            "the key file {file} cannot be read: {error}. Let the service's user own it: chown USER {file}; chmod 600 {file}"
        )
    };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    if mode & 0o077 != 0 {
        return Err(format!(
            "the key file {file} can be read or written by others (mode {mode:o}). Run chmod 600 {file}; \
             if somebody may have read it, remove it and a new one is made"
        ));
    }
    parse(text.trim_end()).map(Keys).ok_or_else(|| {
        format!(
            "the key file {file} is damaged: it must hold {} hexadecimal digits and holds {} bytes. \
             Restore it from a backup, or remove it and a new one is made",
            2 * LENGTH,
            text.len()
        )
    })
}

fn parse(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != 2 * LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut master = [0; LENGTH];
    for (byte, digits) in master.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(master)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::secret::SystemRandom;

    /// A directory of its own that goes away with the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            let mut name = [0; 8];
            SystemRandom::default().fill(&mut name);
            let path = std::env::temp_dir().join(format!("headcount-keys-{}", hexadecimal(&name)));
            Self(path)
        }

        fn config(&self) -> Config {
            let url = format!("sqlite:{}/headcount.db", self.0.display());
            Config::load(&BTreeMap::from([("database.url", url)]), std::iter::empty()).unwrap()
        }

        fn open(&self) -> Result<Keys, String> {
            Keys::open(&self.config(), &SystemRandom::default())
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_key_is_made_once_and_only_for_its_owner() {
        let directory = Directory::new();
        let first = directory.open().unwrap();
        assert_eq!((mode(&directory.0), mode(&directory.0.join(FILE))), (0o700, 0o600));
        assert_eq!(directory.open().unwrap().0, first.0);
        assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 1, "no draft is left behind");
        let mut config = BTreeMap::from([("database.url", "postgres://h/d".to_owned())]);
        config.insert("keys.directory", directory.0.display().to_string());
        let replica = Keys::open(&Config::load(&config, std::iter::empty()).unwrap(), &SystemRandom::default());
        assert_eq!(replica.unwrap().0, first.0);
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_key() {
        let directory = Directory::new();
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| directory.open().unwrap().0)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|key| *key == made[0]));
    }

    #[test]
    fn a_key_file_that_cannot_be_trusted_is_refused_with_what_to_do() {
        let directory = Directory::new();
        directory.open().unwrap();
        let path = directory.0.join(FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = directory.open().unwrap_err();
        assert!(refused.contains("(mode 640)") && refused.contains("chmod 600"), "{refused}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "abc\n").unwrap();
        let refused = directory.open().unwrap_err();
        assert!(refused.contains("must hold 64 hexadecimal digits and holds 4 bytes"), "{refused}");
        assert!(Keys::check(&directory.config()).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(Keys::check(&directory.config()).is_ok(), "a missing one will be made");
        std::fs::create_dir(&path).unwrap();
        assert!(directory.open().unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn a_configured_key_needs_no_file() {
        let directory = Directory::new();
        let load = |key: String| {
            let settings = [("HEADCOUNT_KEYS_MASTER".into(), key.into())];
            Keys::open(&Config::load(&BTreeMap::new(), settings.into_iter()).unwrap(), &SystemRandom::default())
        };
        assert_eq!(load("0f".repeat(LENGTH)).unwrap().0, [0x0f; LENGTH]);
        assert!(load("0f".repeat(LENGTH - 1)).unwrap_err().contains("64 hexadecimal digits"));
        assert!(!directory.0.exists());
    }
}
