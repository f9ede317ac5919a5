//! The body of a request: one JSON object, taken apart field by field.
//!
//! Owns: that nothing unknown, nothing twice and nothing of another type passes. Never: repeats what was sent, but for the
//! name of a field.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::refusal::Refusal;
use crate::error::Shown;

/// The fields of a body that nobody has asked for yet.
#[derive(Debug)]
pub(super) struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            /// A `Map` of `serde_json` would let the second of two equal names win, unheard.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields: Vec<(String, Value)> = Vec::new();
                while let Some(field) = map.next_entry::<String, Value>()? {
                    if fields.iter().any(|(name, _)| *name == field.0) {
                        return Err(serde::de::Error::custom("a field stands there twice"));
                    }
                    // No request has that many; looking for doubles must not become the work of an attack.
                    if fields.len() == 32 {
                        return Err(serde::de::Error::custom("there are too many fields"));
                    }
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Fields {
    /// Reads the body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            // The parser's own words quote what was sent.
            Refusal::bad(match error.classify() {
                serde_json::error::Category::Data => {
                    format!("the body must be one JSON object with every field once; see {place}")
                }
                _ => format!(
                    "the body is no JSON, see {place}; expected one object such as {{\"dry_run\": true}}"
                ),
            })
        })
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Text, if it was given.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::bad(format!("{name} must be text"))),
        }
    }

    /// Text that must be given.
    pub(super) fn need_text(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| lacks(name, "text"))
    }

    /// True or false, if it was given.
    pub(super) fn switch(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(switch)) => Ok(Some(switch)),
            Some(_) => Err(Refusal::bad(format!("{name} must be true or false"))),
        }
    }

    /// A whole number that must be given.
    pub(super) fn need_number(&mut self, name: &str) -> Result<u64, Refusal> {
        let value = self.take(name).ok_or_else(|| lacks(name, "a whole number"))?;
        let wrong =
            || Refusal::bad(format!("{name} must be a whole number that is not negative, without quotes"));
        value.as_u64().ok_or_else(wrong)
    }

    /// A list of texts, if it was given.
    pub(super) fn texts(&mut self, name: &str, most: usize) -> Result<Option<Vec<String>>, Refusal> {
        let wrong = || Refusal::bad(format!("{name} must be a list of 1 to {most} texts"));
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::Array(list) = value else { return Err(wrong()) };
        if list.is_empty() || list.len() > most {
            return Err(wrong());
        }
        let text = |item: Value| if let Value::String(text) = item { Ok(text) } else { Err(wrong()) };
        list.into_iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// All that was asked for has been taken: what is left has no business here.
    pub(super) fn end(self, known: &str) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name = Shown::new(name);
                Err(Refusal::bad(format!("there is no field {name} here; there are: {known}")))
            }
        }
    }
}

fn lacks(name: &str, what: &str) -> Refusal {
    Refusal::bad(format!("the body lacks {name}, which is {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        format!("{:?}", Fields::parse(body.as_bytes()).expect_err(body))
    }

    #[test]
    fn only_one_object_with_every_field_once_is_a_body() {
        for body in
            ["", "null", "[]", "1", "\"x\"", "{} {}", "{\"a\":1,}", "{a:1}", "{\"a\":1,\"a\":1}", "{'a':1}"]
        {
            assert!(refused(body).contains("BadRequest"), "{body}");
        }
        assert!(refused("{\"a\":MARKER}").contains("column"));
        assert!(!refused("{\"a\":MARKER}").contains("MARKER"));
        assert!(
            refused(&format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000))).contains("no JSON")
        );
        let many: Vec<_> = (0..33).map(|at| format!("\"f{at}\":1")).collect();
        assert!(refused(&format!("{{{}}}", many.join(","))).contains("every field once"));
        assert!(Fields::parse(b"{}").is_ok());
    }

    #[test]
    fn a_field_of_another_type_or_name_is_refused_without_its_value() {
        let fields = || Fields::parse(br#"{"a":"MARKER","b":1e30,"c":-1,"d":["MARKER",7]}"#).unwrap();
        let wrong = [
            fields().switch("a").unwrap_err(),
            fields().need_number("a").unwrap_err(),
            fields().need_number("b").unwrap_err(),
            fields().need_number("c").unwrap_err(),
            fields().need_number("e").unwrap_err(),
            fields().need_text("b").unwrap_err(),
            fields().texts("d", 10).unwrap_err(),
            fields().texts("a", 10).unwrap_err(),
            fields().end("x").unwrap_err(),
        ];
        for refusal in wrong {
            assert_eq!(refusal.status, 400);
            assert!(!format!("{refusal:?}").contains("MARKER"), "{refusal:?}");
        }
    }
}
