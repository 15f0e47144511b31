//! What a name that is not there was probably meant to be. It must not know what the names are of.

use std::fmt;

use datafusion::common::utils::datafusion_strsim::levenshtein;

/// The end of an error's text: the name that was probably meant, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint(Option<String>);

impl fmt::Display for Hint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(formatter, "; did you mean '{name}'?"),
            None => Ok(()),
        }
    }
}

/// The candidate that differs from a name in the fewest letters, if these are few; the first by name of equals.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Hint {
    let name = name.to_lowercase();
    let most = match name.chars().count() {
        0..=2 => 0,
        3 => 1,
        4..=8 => 2,
        _ => 3,
    };
    let distances =
        candidates.into_iter().map(|candidate| (levenshtein(&name, &candidate.to_lowercase()), candidate));
    Hint(
        distances
            .filter(|(distance, _)| (1..=most).contains(distance))
            .min()
            .map(|(_, name)| name.to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_letters_differ() {
        let check = |name: &str, candidates: &[&str], expected: &str| {
            assert_eq!(nearest(name, candidates.iter().copied()).to_string(), expected, "{name}");
        };
        check("regoin", &["day", "region", "reason"], "; did you mean 'region'?");
        check("Regon", &["region", "regions"], "; did you mean 'region'?");
        check("x", &["y"], "");
        check("players", &["day", "region"], "");
        check("ab", &[], "");
    }
}
