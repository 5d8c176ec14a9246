//! An operator at work: the database opened directly, also while `serve` runs on it.

use actix_web::rt::SystemRunner;
use serde::Serialize;
use serde_json::{Value, json};

use crate::administration::{Administration, reindex};
use crate::assembly::keys::Keys;
use crate::assembly::{Assembly, explain};
use crate::config::Config;
use crate::error::Result as UseCase;
use crate::secret::SystemRandom;
use crate::store::connection::Connection;
use crate::store::{Planned, Store};

pub(super) struct Operator {
    assembly: Assembly,
    runtime: SystemRunner,
    /// What opening the database migrated.
    applied: Vec<String>,
}

impl Operator {
    /// Opens the database, migrated, for what needs no key file: nothing is signed or encrypted.
    pub(super) fn open(config: &Config) -> Result<Self, String> {
        Self::with_keys(config, &Keys::ephemeral(&SystemRandom::default()))
    }

    /// The same with the keys of the service, for what it has to decrypt.
    pub(super) fn open_to_seal(config: &Config) -> Result<Self, String> {
        Self::with_keys(config, &Keys::open(config, &SystemRandom::default())?)
    }

    fn with_keys(config: &Config, keys: &Keys) -> Result<Self, String> {
        let assembly = Assembly::new(config, keys)?;
        let runtime = actix_web::rt::System::new();
        let applied = runtime.block_on(assembly.migrate())?;
        Ok(Self { assembly, runtime, applied })
    }

    /// Runs a use case that only looks.
    pub(super) fn read<T: Serialize + Send + 'static>(
        &self,
        use_case: impl FnOnce(&mut Connection) -> UseCase<T> + Send + 'static,
    ) -> Result<Value, String> {
        printable(self.runtime.block_on(self.assembly.store.read(use_case)))
    }

    /// Looks at something that is not answered as it is.
    pub(super) fn with<T: Send + 'static>(
        &self,
        use_case: impl FnOnce(&mut Connection) -> UseCase<T> + Send + 'static,
    ) -> Result<T, String> {
        self.runtime.block_on(self.assembly.store.scan(use_case)).map_err(|error| explain(&error))
    }

    /// Runs a use case that looks at what time or the settings change.
    pub(super) fn look<T: Serialize + Send + 'static>(
        &self,
        use_case: impl FnOnce(&mut Connection, &Administration) -> UseCase<T> + Send + 'static,
    ) -> Result<Value, String> {
        let administration = self.assembly.administration.clone();
        self.read(move |connection| use_case(connection, &administration))
    }

    /// Runs a use case that looks, whose answer is more than printed.
    pub(super) fn looked<T: Send + 'static>(
        &self,
        use_case: impl FnOnce(&mut Connection, &Administration) -> UseCase<T> + Send + 'static,
    ) -> Result<T, String> {
        let administration = self.assembly.administration.clone();
        self.with(move |connection| use_case(connection, &administration))
    }

    /// Runs a use case that changes something, whose answer is more than printed.
    pub(super) fn written<T: Send + 'static>(
        &self,
        use_case: impl Fn(&mut Connection, &Administration) -> UseCase<Planned<T>> + Send + Sync + 'static,
    ) -> Result<T, String> {
        self.runtime.block_on(self.assembly.operate(use_case)).map_err(|error| explain(&error))
    }

    /// Runs a use case that changes something.
    pub(super) fn write<T: Serialize + Send + 'static>(
        &self,
        use_case: impl Fn(&mut Connection, &Administration) -> UseCase<Planned<T>> + Send + Sync + 'static,
    ) -> Result<Value, String> {
        printable(self.runtime.block_on(self.assembly.operate(use_case)))
    }

    /// Runs a use case of several steps in one transaction.
    pub(super) fn transaction<T: Serialize + Send + 'static>(
        &self,
        use_case: impl Fn(&mut Connection, &Administration) -> UseCase<T> + Send + Sync + 'static,
    ) -> Result<Value, String> {
        let administration = self.assembly.administration.clone();
        let work = self.assembly.store.transaction(move |connection| use_case(connection, &administration));
        printable(self.runtime.block_on(work))
    }

    /// Runs a use case that asks somebody else between its transactions.
    pub(super) fn work<T: Serialize>(
        &self,
        use_case: impl AsyncFnOnce(&Store, &Administration) -> UseCase<T>,
    ) -> Result<Value, String> {
        let work = use_case(&self.assembly.store, &self.assembly.administration);
        printable(self.runtime.block_on(work))
    }

    pub(super) fn migrate(&self) -> Value {
        json!({"applied": self.applied})
    }

    pub(super) fn reindex(&self) -> Result<Value, String> {
        let work = reindex::reindex(&self.assembly.store, &self.assembly.administration);
        let count = self.runtime.block_on(work).map_err(|error| explain(&error))?;
        Ok(json!({"reindexed": count}))
    }
}

/// An answer as it is printed, or why there is none.
fn printable<T: Serialize>(outcome: UseCase<T>) -> Result<Value, String> {
    let answer = outcome.map_err(|error| explain(&error))?;
    serde_json::to_value(answer).map_err(|error| error.to_string())
}
