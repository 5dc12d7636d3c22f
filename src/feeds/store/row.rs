//! How values of the domain become columns and come back. Each row ends with
//! a checksum of the others, since `SQLite` does not notice a changed digit.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Row, Transaction, params_from_iter};

use super::error::DatabaseError;
use crate::feeds::HistoryKind;
use crate::jobs::{Attribution, State};

/// The columns of one row, in the order of the query.
#[derive(Debug)]
pub(super) struct Columns(std::vec::IntoIter<Value>);

impl Columns {
    /// Reads a row whose last column is the checksum of the others.
    pub(super) fn read(row: &Row<'_>, count: usize) -> Result<Self, DatabaseError> {
        let columns: Result<Vec<Value>, _> = (0..count).map(|column| row.get(column)).collect();
        let columns = columns?;
        let stored: i64 = row.get(count)?;
        if stored != checksum(&columns) {
            return Err(DatabaseError::damaged("a row does not match its checksum"));
        }
        Ok(Self(columns.into_iter()))
    }

    pub(super) fn integer(&mut self) -> Result<Option<i64>, DatabaseError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(Some(integer)),
            Some(Value::Null) => Ok(None),
            other => Err(unexpected(other.as_ref())),
        }
    }

    pub(super) fn text(&mut self) -> Result<Option<Arc<str>>, DatabaseError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text.into())),
            Some(Value::Null) => Ok(None),
            other => Err(unexpected(other.as_ref())),
        }
    }

    pub(super) fn count(&mut self) -> Result<Option<u64>, DatabaseError> {
        let integer = self.integer()?;
        let count = integer.map(u64::try_from).transpose();
        count.map_err(|_| DatabaseError::damaged("a count is negative"))
    }

    pub(super) fn time(&mut self) -> Result<Option<Timestamp>, DatabaseError> {
        let integer = self.integer()?;
        let time = integer.map(Timestamp::from_millisecond).transpose();
        time.map_err(|_| DatabaseError::damaged("a time is out of range"))
    }

    pub(super) fn kind(&mut self) -> Result<HistoryKind, DatabaseError> {
        let name = required(self.text()?)?;
        let mut kinds = HistoryKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.as_str() == &*name);
        kind.ok_or_else(|| DatabaseError::damaged("a kind of history is not known"))
    }

    pub(super) fn attribution(&mut self) -> Result<Attribution, DatabaseError> {
        let name = required(self.text()?)?;
        let all = Attribution::ALL.into_iter();
        let mut named = all.filter(|attribution| attribution.as_str() == &*name);
        let attribution = named.next();
        attribution.ok_or_else(|| DatabaseError::damaged("an attribution is not known"))
    }

    pub(super) fn state(&mut self) -> Result<Option<State>, DatabaseError> {
        Ok(self.text()?.map(|name| state_named(&name)))
    }
}

/// The value of a column that is never NULL.
pub(super) fn required<T>(value: Option<T>) -> Result<T, DatabaseError> {
    value.ok_or_else(|| DatabaseError::damaged("a value is missing"))
}

/// A state by the name it was stored with: not parsed, so that it comes back
/// as it was.
pub(super) fn state_named(name: &str) -> State {
    let known = State::KNOWN
        .into_iter()
        .find(|state| state.as_str() == name);
    known.unwrap_or_else(|| State::Other(name.into()))
}

fn unexpected(value: Option<&Value>) -> DatabaseError {
    DatabaseError::damaged(&format!("{value:?} has the wrong type"))
}

pub(super) fn time(time: Timestamp) -> Value {
    Value::Integer(time.as_millisecond())
}

pub(super) fn optional_time(moment: Option<Timestamp>) -> Value {
    moment.map_or(Value::Null, time)
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn optional_text(value: Option<&str>) -> Value {
    value.map_or(Value::Null, text)
}

pub(super) fn count(count: u64) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

pub(super) fn optional_count(value: Option<u64>) -> Value {
    value.map_or(Value::Null, count)
}

/// Writes a row and its checksum, the last parameter of the statement.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    statement: &str,
    mut columns: Vec<Value>,
) -> Result<(), DatabaseError> {
    columns.push(Value::Integer(checksum(&columns)));
    let mut statement = transaction.prepare_cached(statement)?;
    statement.execute(params_from_iter(columns))?;
    Ok(())
}

fn checksum(columns: &[Value]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    for column in columns {
        match ValueRef::from(column) {
            ValueRef::Null => hasher.update(&[0]),
            ValueRef::Integer(integer) => {
                hasher.update(&[1]);
                hasher.update(&integer.to_le_bytes());
            }
            ValueRef::Real(real) => {
                hasher.update(&[2]);
                hasher.update(&real.to_le_bytes());
            }
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                hasher.update(&[3]);
                hasher.update(&bytes.len().to_le_bytes());
                hasher.update(bytes);
            }
        }
    }
    i64::from(hasher.finalize())
}
