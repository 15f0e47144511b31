//! JSON_SCHEMA_VALID and JSON_SCHEMA_VALIDATION_REPORT: documents against JSON Schema, draft 4.
//!
//! It knows documents and schemas; a reference to a schema elsewhere is refused, nothing is fetched.

use std::cell::Cell;

use arrow::array::ArrayRef;
use datafusion::common::Result;
use regex::RegexBuilder;

use super::super::error::Error;
use super::super::signature::{Call, Function, returns};
use super::Documents;
use super::document::Json;

/// The most bytes of a compiled pattern of a schema.
const PATTERN_MAX: usize = 1 << 20;
/// How many comparisons of a value with a schema one document may take.
const STEPS_MAX: usize = 1_000_000;

/// The functions of schemas.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("json_schema_valid", 2..=2, returns::boolean, valid),
        Function::new("json_schema_validation_report", 2..=2, returns::text, report).json(),
    ]
}

fn valid(call: &Call<'_>) -> Result<ArrayRef> {
    let (schemas, documents) = (Documents::of(call, 0)?, Documents::of(call, 1)?);
    call.try_booleans(|row| {
        let (Some(schema), Some(document)) = (schemas.at(row)?, documents.at(row)?) else { return Ok(None) };
        Ok(Some(failure(&schema, &document, call.function)?.is_none()))
    })
}

fn report(call: &Call<'_>) -> Result<ArrayRef> {
    let (schemas, documents) = (Documents::of(call, 0)?, Documents::of(call, 1)?);
    call.try_texts(|row, out| {
        let (Some(schema), Some(document)) = (schemas.at(row)?, documents.at(row)?) else { return Ok(None) };
        let members = match failure(&schema, &document, call.function)? {
            None => vec![("valid", Json::Bool(true))],
            Some(Failure { keyword, schema, document }) => {
                let reason = format!(
                    "The JSON document location '{document}' failed requirement '{keyword}' at JSON Schema \
                     location '{schema}'"
                );
                vec![
                    ("valid", Json::Bool(false)),
                    ("reason", Json::String(reason)),
                    ("schema-location", Json::String(schema)),
                    ("document-location", Json::String(document)),
                    ("schema-failed-keyword", Json::String(keyword.to_owned())),
                ]
            }
        };
        Json::object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).write(out);
        Ok(Some(()))
    })
}

/// Where a document is not as its schema says.
struct Failure {
    keyword: &'static str,
    /// The place in the schema, as `#/properties/a`.
    schema: String,
    /// The place in the document.
    document: String,
}

fn failure(schema: &Json, document: &Json, function: &str) -> Result<Option<Failure>, Error> {
    if !matches!(schema, Json::Object(_)) {
        return Err(Error::NotJsonObject { argument: 1, function: function.to_owned() });
    }
    let validator = Validator { root: schema, steps: Cell::new(0) };
    validator.check(&Place { schema, path: "#".to_owned() }, document, "#")
}

struct Validator<'a> {
    root: &'a Json,
    steps: Cell<usize>,
}

/// A schema inside of the whole one.
struct Place<'a> {
    schema: &'a Json,
    path: String,
}

impl<'a> Place<'a> {
    fn below(&self, name: &str) -> Option<Self> {
        let schema = self.schema.member(name)?;
        Some(Self { schema, path: format!("{}/{name}", self.path) })
    }

    fn element(&self, index: usize) -> Option<Self> {
        let Json::Array(elements) = self.schema else { return None };
        Some(Self { schema: elements.get(index)?, path: format!("{}/{index}", self.path) })
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.schema.member(name).and_then(Json::number)
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.number(name).map(|count| count as usize)
    }
}

type Checked = Result<Option<Failure>, Error>;

impl<'a> Validator<'a> {
    /// The first requirement that a value fails.
    fn check(&self, place: &Place<'a>, value: &Json, at: &str) -> Checked {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS_MAX {
            return Err(Error::Unsupported { feature: "a JSON schema that takes so many steps".to_owned() });
        }
        if let Some(Json::String(reference)) = place.schema.member("$ref") {
            return self.check(&self.referred(reference)?, value, at);
        }
        let failed = |keyword| Some(Failure { keyword, schema: place.path.clone(), document: at.to_owned() });
        if let Some(types) = place.schema.member("type")
            && !is_of_type(value, types)
        {
            return Ok(failed("type"));
        }
        if let Some(Json::Array(values)) = place.schema.member("enum")
            && !values.iter().any(|one| one.same(value))
        {
            return Ok(failed("enum"));
        }
        if let Some(keyword) = self.combined(place, value, at)? {
            return Ok(failed(keyword));
        }
        match value {
            Json::String(text) | Json::Opaque(_, text) => Ok(of_text(place, text)?.and_then(failed)),
            Json::Array(elements) => self.of_array(place, elements, at),
            Json::Object(members) => self.of_object(place, members, at),
            value => Ok(value.number().and_then(|number| of_number(place, number)).and_then(failed)),
        }
    }

    /// `#/definitions/a`: a schema of the same text.
    fn referred(&self, reference: &str) -> Result<Place<'a>, Error> {
        let mut place = Place { schema: self.root, path: "#".to_owned() };
        let Some(path) = reference.strip_prefix('#') else {
            let feature = "references to external JSON Schema".to_owned();
            return Err(Error::Unsupported { feature });
        };
        for leg in path.split('/').filter(|leg| !leg.is_empty()) {
            let name = leg.replace("~1", "/").replace("~0", "~");
            let next = match place.schema {
                Json::Array(_) => name.parse().ok().and_then(|index| place.element(index)),
                _ => place.below(&name),
            };
            // What is not there says nothing.
            place = next.unwrap_or(Place { schema: &Json::Null, path: reference.to_owned() });
        }
        Ok(place)
    }

    /// `allOf`, `anyOf`, `oneOf` and `not`: the keyword that fails.
    fn combined(&self, place: &Place<'a>, value: &Json, at: &str) -> Result<Option<&'static str>, Error> {
        let fitting = |name: &str| -> Result<Option<(usize, usize)>, Error> {
            let Some(list) = place.below(name) else { return Ok(None) };
            let (mut all, mut fit) = (0, 0);
            while let Some(one) = list.element(all) {
                all += 1;
                fit += usize::from(self.check(&one, value, at)?.is_none());
            }
            Ok(Some((all, fit)))
        };
        if fitting("allOf")?.is_some_and(|(all, fit)| fit < all) {
            return Ok(Some("allOf"));
        }
        if fitting("anyOf")?.is_some_and(|(_, fit)| fit == 0) {
            return Ok(Some("anyOf"));
        }
        if fitting("oneOf")?.is_some_and(|(_, fit)| fit != 1) {
            return Ok(Some("oneOf"));
        }
        match place.below("not") {
            Some(not) if self.check(&not, value, at)?.is_none() => Ok(Some("not")),
            _ => Ok(None),
        }
    }

    fn of_array(&self, place: &Place<'a>, elements: &[Json], at: &str) -> Checked {
        let failed =
            |keyword| Ok(Some(Failure { keyword, schema: place.path.clone(), document: at.to_owned() }));
        if place.count("minItems").is_some_and(|least| elements.len() < least) {
            return failed("minItems");
        }
        if place.count("maxItems").is_some_and(|most| elements.len() > most) {
            return failed("maxItems");
        }
        let unique = place.schema.member("uniqueItems") == Some(&Json::Bool(true));
        self.steps.set(self.steps.get() + if unique { elements.len() * elements.len() / 2 } else { 0 });
        if unique
            && self.steps.get() <= STEPS_MAX
            && elements
                .iter()
                .enumerate()
                .any(|(index, one)| elements[..index].iter().any(|other| one.same(other)))
        {
            return failed("uniqueItems");
        }
        let items = place.below("items");
        for (index, element) in elements.iter().enumerate() {
            let own = match &items {
                Some(items) if matches!(items.schema, Json::Array(_)) => match items.element(index) {
                    Some(own) => Some(own),
                    None => match place.below("additionalItems") {
                        Some(more) if more.schema == &Json::Bool(false) => return failed("additionalItems"),
                        more => more,
                    },
                },
                Some(items) => Some(Place { schema: items.schema, path: items.path.clone() }),
                None => None,
            };
            if let Some(own) = own
                && let Some(failure) = self.check(&own, element, &format!("{at}/{index}"))?
            {
                return Ok(Some(failure));
            }
        }
        Ok(None)
    }

    fn of_object(&self, place: &Place<'a>, members: &[(String, Json)], at: &str) -> Checked {
        let failed =
            |keyword| Ok(Some(Failure { keyword, schema: place.path.clone(), document: at.to_owned() }));
        let has = |name: &str| members.iter().any(|(member, _)| member == name);
        if let Some(Json::Array(names)) = place.schema.member("required")
            && names.iter().any(|name| matches!(name, Json::String(name) if !has(name)))
        {
            return failed("required");
        }
        if place.count("minProperties").is_some_and(|least| members.len() < least) {
            return failed("minProperties");
        }
        if place.count("maxProperties").is_some_and(|most| members.len() > most) {
            return failed("maxProperties");
        }
        if let Some(dependencies) = place.below("dependencies")
            && let Json::Object(of_members) = dependencies.schema
        {
            for (name, needed) in of_members.iter().filter(|(name, _)| has(name)) {
                let missing = match needed {
                    Json::Array(names) => {
                        names.iter().any(|name| matches!(name, Json::String(name) if !has(name)))
                    }
                    _ => match dependencies.below(name) {
                        Some(own) => self.check(&own, &Json::Object(members.to_vec()), at)?.is_some(),
                        None => false,
                    },
                };
                if missing {
                    return failed("dependencies");
                }
            }
        }
        for (name, member) in members {
            let mut schemas = Vec::new();
            schemas.extend(place.below("properties").and_then(|properties| properties.below(name)));
            if let Some(patterns) = place.below("patternProperties")
                && let Json::Object(by_pattern) = patterns.schema
            {
                for (pattern, _) in by_pattern {
                    if is_match(pattern, name)? {
                        schemas.extend(patterns.below(pattern));
                    }
                }
            }
            if schemas.is_empty() {
                match place.below("additionalProperties") {
                    Some(more) if more.schema == &Json::Bool(false) => return failed("additionalProperties"),
                    more => schemas.extend(more),
                }
            }
            for own in schemas {
                if let Some(failure) = self.check(&own, member, &format!("{at}/{name}"))? {
                    return Ok(Some(failure));
                }
            }
        }
        Ok(None)
    }
}

/// Whether a value is of a type, or of one of several.
fn is_of_type(value: &Json, types: &Json) -> bool {
    match types {
        Json::Array(types) => types.iter().any(|one| is_of_type(value, one)),
        Json::String(name) => match (name.as_str(), value) {
            ("null", Json::Null)
            | ("boolean", Json::Bool(_))
            | ("integer", Json::Int(_) | Json::Uint(_))
            | ("number", Json::Int(_) | Json::Uint(_) | Json::Double(_) | Json::Decimal(_))
            | ("string", Json::String(_) | Json::Opaque(..))
            | ("array", Json::Array(_))
            | ("object", Json::Object(_)) => true,
            (name, _) => {
                !["null", "boolean", "integer", "number", "string", "array", "object"].contains(&name)
            }
        },
        _ => true,
    }
}

fn of_text(place: &Place<'_>, text: &str) -> Result<Option<&'static str>, Error> {
    let length = text.chars().count();
    if place.count("minLength").is_some_and(|least| length < least) {
        return Ok(Some("minLength"));
    }
    if place.count("maxLength").is_some_and(|most| length > most) {
        return Ok(Some("maxLength"));
    }
    match place.schema.member("pattern") {
        Some(Json::String(pattern)) if !is_match(pattern, text)? => Ok(Some("pattern")),
        _ => Ok(None),
    }
}

fn of_number(place: &Place<'_>, number: f64) -> Option<&'static str> {
    let excludes = |name: &str| place.schema.member(name) == Some(&Json::Bool(true));
    let below = |least: f64| number < least || number == least && excludes("exclusiveMinimum");
    let above = |most: f64| number > most || number == most && excludes("exclusiveMaximum");
    if place.number("minimum").is_some_and(below) {
        Some("minimum")
    } else if place.number("maximum").is_some_and(above) {
        Some("maximum")
    } else if place.number("multipleOf").is_some_and(|of| of > 0.0 && number % of != 0.0) {
        Some("multipleOf")
    } else {
        None
    }
}

/// Whether a pattern is found in a text; one that cannot be read is found in every text.
fn is_match(pattern: &str, text: &str) -> Result<bool, Error> {
    match RegexBuilder::new(pattern).size_limit(PATTERN_MAX).build() {
        Ok(pattern) => Ok(pattern.is_match(text)),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(Error::Unsupported { feature: "so long a pattern in a JSON schema".to_owned() })
        }
        Err(_) => Ok(true),
    }
}
