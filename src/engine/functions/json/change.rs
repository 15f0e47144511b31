//! Functions that build and change JSON: JSON_ARRAY, JSON_OBJECT, JSON_SET, JSON_MERGE_PATCH and their like.

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::super::error::Error;
use super::super::signature::{Call, Function, returns};
use super::document::{Json, order_names};
use super::path::{Leg, Path};
use super::{Documents, Paths, Values, answer};

/// The functions that build and change.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("json_array", 0.., returns::text, array).json(),
        Function::new("json_object", 0.., returns::text, object).json(),
        Function::new("json_set", 3.., returns::text, |call| change(call, true, true)).json(),
        Function::new("json_insert", 3.., returns::text, |call| change(call, true, false)).json(),
        Function::new("json_replace", 3.., returns::text, |call| change(call, false, true)).json(),
        Function::new("json_remove", 2.., returns::text, remove).json(),
        Function::new("json_array_append", 3.., returns::text, array_append).json(),
        Function::new("json_array_insert", 3.., returns::text, array_insert).json(),
        Function::new("json_merge_patch", 2.., returns::text, |call| merge(call, patch)).json(),
        Function::new("json_merge_preserve", 2.., returns::text, |call| merge(call, preserve))
            .aliases(&["json_merge"])
            .json(),
    ]
}

fn array(call: &Call<'_>) -> Result<ArrayRef> {
    let values = (0..call.count()).map(|argument| Values::of(call, argument)).collect::<Result<Vec<_>>>()?;
    call.try_texts(|row, out| {
        answer(&Json::Array(values.iter().map(|value| value.at(row)).collect::<Result<_>>()?), out)
    })
}

fn object(call: &Call<'_>) -> Result<ArrayRef> {
    if call.count() % 2 == 1 {
        return Err(Error::ParameterCount { function: call.function.to_owned() }.into());
    }
    let members = (0..call.count() / 2)
        .map(|member| Ok((call.text(member * 2)?, Values::of(call, member * 2 + 1)?)))
        .collect::<Result<Vec<_>>>()?;
    call.try_texts(|row, out| {
        let member = |(name, value): &(super::Cells<super::StringViewArray>, Values)| {
            let name = name.at(row).ok_or(Error::NullKey)?;
            Ok((name.to_owned(), value.at(row)?))
        };
        answer(&Json::object(members.iter().map(member).collect::<Result<_>>()?), out)
    })
}

/// Pairs of paths and values after the document.
fn pairs(call: &Call<'_>) -> Result<Vec<(Paths, Values)>> {
    if call.count().is_multiple_of(2) {
        return Err(Error::ParameterCount { function: call.function.to_owned() }.into());
    }
    (0..call.count() / 2)
        .map(|pair| Ok((Paths::single(call, pair * 2 + 1)?, Values::of(call, pair * 2 + 2)?)))
        .collect()
}

/// Changes a document by one pair after another; NULL as document or path makes all NULL.
fn changed(call: &Call<'_>, step: impl Fn(&mut Json, &Path, Json) -> Result<()>) -> Result<ArrayRef> {
    let (documents, pairs) = (Documents::of(call, 0)?, pairs(call)?);
    call.try_texts(|row, out| {
        let Some(mut document) = documents.at(row)? else { return Ok(None) };
        for (path, value) in &pairs {
            let Some(path) = path.at(row)? else { return Ok(None) };
            step(&mut document, &path, value.at(row)?)?;
        }
        answer(&document, out)
    })
}

/// JSON_SET inserts and replaces, JSON_INSERT only inserts, JSON_REPLACE only replaces.
fn change(call: &Call<'_>, inserts: bool, replaces: bool) -> Result<ArrayRef> {
    changed(call, |document, path, value| {
        if let Some(place) = path.find_mut(document) {
            if replaces {
                *place = value;
            }
            return Ok(());
        }
        if let Some((parent, leg)) = path.parent_mut(document).filter(|_| inserts) {
            insert(parent, leg, value);
        }
        Ok(())
    })
}

/// Puts a value where there is none yet: a new member, or behind the last element.
fn insert(parent: &mut Json, leg: &Leg, value: Json) {
    match (leg, parent) {
        (Leg::Member(name), Json::Object(members)) => {
            let at = members.partition_point(|(other, _)| order_names(other, name).is_lt());
            members.insert(at, (name.clone(), value));
        }
        (Leg::Element(index), Json::Array(elements)) => match index.from_end {
            true => elements.insert(0, value),
            false => elements.push(value),
        },
        // What is no array becomes one.
        (Leg::Element(index), scalar) => {
            let first = std::mem::replace(scalar, Json::Null);
            *scalar = Json::Array(if index.from_end { vec![value, first] } else { vec![first, value] });
        }
        _ => {}
    }
}

fn remove(call: &Call<'_>) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    let paths =
        (1..call.count()).map(|argument| Paths::single(call, argument)).collect::<Result<Vec<_>>>()?;
    call.try_texts(|row, out| {
        let Some(mut document) = documents.at(row)? else { return Ok(None) };
        for path in &paths {
            let Some(path) = path.at(row)? else { return Ok(None) };
            if path.legs.is_empty() {
                return Err(Error::RootPath.into());
            }
            // Found by its value's place, so that `last` means the same as everywhere.
            let Some(place) = path.find_mut(&mut document).map(std::ptr::from_mut) else { continue };
            let place = place.cast_const();
            match path.parent_mut(&mut document) {
                Some((Json::Array(elements), _)) => {
                    elements.retain(|element| !std::ptr::eq(element, place));
                }
                Some((Json::Object(members), _)) => {
                    members.retain(|(_, member)| !std::ptr::eq(member, place))
                }
                _ => {}
            }
        }
        document.write(out);
        Ok(Some(()))
    })
}

fn array_append(call: &Call<'_>) -> Result<ArrayRef> {
    changed(call, |document, path, value| {
        match path.find_mut(document) {
            Some(Json::Array(elements)) => elements.push(value),
            Some(scalar) => {
                let first = std::mem::replace(scalar, Json::Null);
                *scalar = Json::Array(vec![first, value]);
            }
            None => {}
        }
        Ok(())
    })
}

/// Inserts before an element; behind the last one when the path is beyond it.
fn array_insert(call: &Call<'_>) -> Result<ArrayRef> {
    changed(call, |document, path, value| {
        let Some(Leg::Element(index)) = path.legs.last().cloned() else {
            return Err(Error::NotCellPath.into());
        };
        if let Some((Json::Array(elements), _)) = path.parent_mut(document) {
            let at = match index.from_end {
                true => elements.len().saturating_sub(index.at + 1),
                false => index.at.min(elements.len()),
            };
            elements.insert(at, value);
        }
        Ok(())
    })
}

/// Merges documents from the left; NULL makes all NULL.
fn merge(call: &Call<'_>, of: fn(Json, Json) -> Json) -> Result<ArrayRef> {
    let documents =
        (0..call.count()).map(|argument| Documents::of(call, argument)).collect::<Result<Vec<_>>>()?;
    // A patch that is no object replaces all before it, even NULL.
    let replaces = call.function == "json_merge_patch";
    call.try_texts(|row, out| {
        let mut merged: Option<Json> = None;
        let mut unknown = false;
        for (index, document) in documents.iter().enumerate() {
            match document.at(row)? {
                None => unknown = true,
                Some(next) => {
                    let scalar = !matches!(next, Json::Object(_));
                    if replaces && scalar {
                        (merged, unknown) = (Some(next), false);
                    } else {
                        merged = Some(match merged.take() {
                            Some(before) if index > 0 => of(before, next),
                            _ => next,
                        });
                    }
                }
            }
        }
        match merged.filter(|_| !unknown) {
            Some(merged) => answer(&merged, out),
            None => Ok(None),
        }
    })
}

/// RFC 7396: members replace members, `null` removes one.
fn patch(target: Json, patch_with: Json) -> Json {
    let Json::Object(changes) = patch_with else { return patch_with };
    let mut members = match target {
        Json::Object(members) => members,
        _ => Vec::new(),
    };
    for (name, change) in changes {
        let at = members.iter().position(|(member, _)| *member == name);
        match (at, change) {
            (Some(at), Json::Null) => drop(members.remove(at)),
            (None, Json::Null) => {}
            (Some(at), change) => {
                let before = std::mem::replace(&mut members[at].1, Json::Null);
                members[at].1 = patch(before, change);
            }
            (None, change) => members.push((name, patch(Json::Null, change))),
        }
    }
    Json::object(members)
}

/// Arrays are joined, members of equal names merged, scalars become arrays.
fn preserve(left: Json, right: Json) -> Json {
    match (left, right) {
        (Json::Object(mut members), Json::Object(others)) => {
            for (name, value) in others {
                match members.iter_mut().find(|(member, _)| *member == name) {
                    Some((_, member)) => {
                        let before = std::mem::replace(member, Json::Null);
                        *member = preserve(before, value);
                    }
                    None => members.push((name, value)),
                }
            }
            Json::object(members)
        }
        (left, right) => {
            let elements = |value| match value {
                Json::Array(elements) => elements,
                other => vec![other],
            };
            let mut joined = elements(left);
            joined.extend(elements(right));
            Json::Array(joined)
        }
    }
}
