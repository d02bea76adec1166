//! Types the application's claims from members that are already scanned, so that the payload is not read twice.
//!
//! The result is that of [`serde_json::from_str`] on the payload. A plain string is lent to the visitor that asks for one, and
//! a short integer is given to the one that asks for an integer. All other values go to `serde_json`, as they are written. If
//! anything else is asked for, or if anything fails, `serde_json` reads the whole payload and decides.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, cell::Cell, slice};

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::{Error, de::StrRead};

use super::{
    integer::short_integer,
    json::{Member, Value},
};

/// The claims in `json`, whose members are these.
pub(crate) fn claims<C: DeserializeOwned>(json: &str, members: &[Member<'_>]) -> Result<C, Error> {
    let watch = Watch::default();
    match watch.one(|| C::deserialize(Payload { json, members, watch: &watch })) {
        Ok(claims) if !watch.is_unusual.get() => Ok(claims),
        _ => serde_json::from_str(json),
    }
}

/// Notes whether the members alone give the answer.
#[derive(Default)]
struct Watch {
    is_unusual: Cell<bool>,
    /// Whether the last name or value was read. If one was not, `serde_json` fails later.
    was_read: Cell<bool>,
}

impl Watch {
    /// Reads one name or value, or the whole.
    fn one<T>(&self, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.was_read.set(false);
        let result = read();
        if !self.was_read.get() {
            self.is_unusual.set(true);
        }
        self.noted(result)
    }

    /// Notes an error, which the type of the claims may hide.
    fn noted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_err() {
            self.is_unusual.set(true);
        }
        result
    }

    #[cold]
    fn unusual<T>(&self) -> Result<T, Error> {
        self.is_unusual.set(true);
        Err(Error::custom("left to serde_json"))
    }
}

/// The whole payload.
struct Payload<'de, 'w> {
    json: &'de str,
    members: &'de [Member<'de>],
    watch: &'w Watch,
}

/// Methods that leave the whole payload to `serde_json`.
macro_rules! unusual {
    ($($method:ident($($argument:ty),*))*) => {$(
        #[cold]
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Error> {
            self.watch.unusual()
        }
    )*};
}

impl<'de> Deserializer<'de> for Payload<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.watch.was_read.set(true);
        let mut members = Members { json: self.json, rest: self.members.iter(), value: None, watch: self.watch };
        let value = self.watch.noted(visitor.visit_map(&mut members))?;
        if members.value.is_some() || members.rest.next().is_some() {
            return self.watch.unusual();
        }
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    unusual! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128() deserialize_f32()
        deserialize_f64() deserialize_char() deserialize_str() deserialize_string() deserialize_bytes()
        deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_unit_struct(&'static str)
        deserialize_newtype_struct(&'static str) deserialize_seq() deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str, usize)
        deserialize_enum(&'static str, &'static [&'static str])
        deserialize_identifier() deserialize_ignored_any()
    }
}

struct Members<'de, 'w> {
    json: &'de str,
    rest: slice::Iter<'de, Member<'de>>,
    /// The member whose name was read last, until its value is read.
    value: Option<&'de Member<'de>>,
    watch: &'w Watch,
}

impl<'de> MapAccess<'de> for &mut Members<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.value.is_some() {
            return self.watch.unusual();
        }
        self.value = self.rest.next();
        let Some(Member { name, .. }) = self.value else { return Ok(None) };
        self.watch.one(|| seed.deserialize(Name { name, watch: self.watch })).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some(member) = self.value.take() else { return self.watch.unusual() };
        self.watch.one(|| seed.deserialize(Content { json: self.json, member, watch: self.watch }))
    }
}

struct Name<'de, 'w> {
    name: &'de Cow<'de, str>,
    watch: &'w Watch,
}

impl<'de> Deserializer<'de> for Name<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.watch.was_read.set(true);
        self.watch.noted(match self.name {
            Cow::Borrowed(name) => visitor.visit_borrowed_str(name),
            Cow::Owned(name) => visitor.visit_str(name),
        })
    }

    // `serde_json` treats these requests for a name alike.
    forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }

    unusual! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128() deserialize_f32()
        deserialize_f64() deserialize_bytes() deserialize_byte_buf() deserialize_option()
        deserialize_newtype_struct(&'static str) deserialize_enum(&'static str, &'static [&'static str])
    }
}

/// The value of a member.
struct Content<'de, 'w> {
    json: &'de str,
    member: &'de Member<'de>,
    watch: &'w Watch,
}

impl<'de> Content<'de, '_> {
    /// The text, if it is a string that is written without escapes.
    fn plain(&self) -> Option<&'de str> {
        match &self.member.value {
            Value::Text(Cow::Borrowed(text)) => Some(text),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i64> {
        match self.member.value {
            Value::Number(number) => short_integer(number),
            _ => None,
        }
    }

    fn by_library<T>(
        &self,
        read: impl FnOnce(&mut serde_json::Deserializer<StrRead<'de>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.watch.was_read.set(true);
        let text = match self.member.value {
            Value::Number(text) | Value::Array(text) | Value::Object(text) => text,
            _ => self.json.get(self.member.place.clone()).unwrap_or_default(),
        };
        let mut library = serde_json::Deserializer::from_str(text);
        let result = read(&mut library).and_then(|value| library.end().map(|()| value));
        self.watch.noted(result)
    }
}

/// Methods that lend a plain string, and leave everything else to `serde_json`.
macro_rules! lent {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.plain() {
                Some(text) => {
                    self.watch.was_read.set(true);
                    self.watch.noted(visitor.visit_borrowed_str(text))
                }
                None => self.by_library(|library| library.$method(visitor)),
            }
        }
    )*};
}

/// Methods that give a short integer, and leave everything else to `serde_json`.
macro_rules! integer {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.integer() {
                Some(integer) => {
                    self.watch.was_read.set(true);
                    // As in `serde_json`, only a negative one is signed.
                    self.watch.noted(match u64::try_from(integer) {
                        Ok(integer) => visitor.visit_u64(integer),
                        Err(_) => visitor.visit_i64(integer),
                    })
                }
                None => self.by_library(|library| library.$method(visitor)),
            }
        }
    )*};
}

/// Methods that leave the value to `serde_json`.
macro_rules! by_library {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Error> {
            self.by_library(|library| library.$method($($argument,)* visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for Content<'de, '_> {
    type Error = Error;

    lent! { deserialize_any deserialize_str deserialize_string deserialize_identifier }

    integer! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.member.value {
            Value::Null => self.by_library(|library| library.deserialize_option(visitor)),
            _ => {
                let watch = self.watch;
                watch.noted(visitor.visit_some(self))
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.watch.was_read.set(true);
        self.watch.noted(visitor.visit_unit())
    }

    by_library! {
        deserialize_bool() deserialize_i128() deserialize_u128() deserialize_f32() deserialize_f64() deserialize_char()
        deserialize_bytes() deserialize_byte_buf() deserialize_unit()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str) deserialize_seq()
        deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }
}
