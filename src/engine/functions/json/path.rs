//! Paths into JSON documents: `$.name."quoted name"[3][last-1][1 to 2][*].*` and `**`.

use super::super::error::Error;
use super::document::Json;

/// A path: its legs from the root.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// In order from the root.
    pub legs: Vec<Leg>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Leg {
    /// `.name`
    Member(String),
    /// `.*`
    Members,
    /// `[3]`, `[last-1]`
    Element(Index),
    /// `[1 to 3]`
    Elements(Index, Index),
    /// `[*]`
    AllElements,
    /// `**`: here and everything below.
    Anywhere,
}

/// The place of an element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Index {
    /// Counted from zero, from the end when `from_end` is true.
    pub at: usize,
    /// `last-n`.
    pub from_end: bool,
}

impl Index {
    /// The place in an array of a length; `None` when it is before its beginning.
    fn of(self, length: usize) -> Option<usize> {
        if self.from_end { length.checked_sub(1)?.checked_sub(self.at) } else { Some(self.at) }
    }
}

impl Path {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut reader = Reader { characters: text.chars().collect(), position: 0 };
        let legs = reader.legs();
        match legs {
            // A path may not end with `**`.
            Some(legs) if legs.last() != Some(&Leg::Anywhere) => Ok(Self { legs }),
            _ => Err(Error::InvalidPath { position: reader.position.max(1) }),
        }
    }

    /// Whether it may name several places.
    pub fn is_wild(&self) -> bool {
        let wild =
            |leg: &Leg| matches!(leg, Leg::Members | Leg::Elements(..) | Leg::AllElements | Leg::Anywhere);
        self.legs.iter().any(wild)
    }

    /// Refuses a path that may name several places.
    pub fn single(self) -> Result<Self, Error> {
        if self.is_wild() { Err(Error::WildcardPath) } else { Ok(self) }
    }

    /// All values that it names, in the document's order, each once.
    pub fn find<'d>(&self, document: &'d Json) -> Vec<&'d Json> {
        let mut found = Vec::new();
        find(document, &self.legs, &mut found);
        found
    }

    /// The place that it names, to be changed. An element of what is no array is the value itself.
    pub fn find_mut<'d>(&self, document: &'d mut Json) -> Option<&'d mut Json> {
        descend(document, &self.legs)
    }

    /// The place that all legs but the last name, and the last leg.
    pub fn parent_mut<'d, 'p>(&'p self, document: &'d mut Json) -> Option<(&'d mut Json, &'p Leg)> {
        let (last, parents) = self.legs.split_last()?;
        Some((descend(document, parents)?, last))
    }

    /// Writes the path to a place as MySQL shows it.
    pub fn write(legs: &[Leg], out: &mut String) {
        out.push('$');
        for leg in legs {
            match leg {
                Leg::Member(name) => {
                    out.push('.');
                    let mut letters = name.chars();
                    let word = letters
                        .next()
                        .is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | '$'))
                        && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$'));
                    match word {
                        true => out.push_str(name),
                        false => super::document::write_string(name, out),
                    }
                }
                Leg::Element(index) => out.push_str(&format!("[{}]", index.at)),
                _ => {}
            }
        }
    }
}

fn descend<'d>(document: &'d mut Json, legs: &[Leg]) -> Option<&'d mut Json> {
    let mut place = document;
    for leg in legs {
        place = match (leg, place) {
            (Leg::Member(name), Json::Object(members)) => {
                &mut members.iter_mut().find(|(member, _)| member == name)?.1
            }
            (Leg::Element(index), Json::Array(elements)) => {
                let at = index.of(elements.len())?;
                elements.get_mut(at)?
            }
            (Leg::Element(index), place) if index.of(1) == Some(0) && !matches!(place, Json::Array(_)) => {
                place
            }
            _ => return None,
        };
    }
    Some(place)
}

fn find<'d>(value: &'d Json, legs: &[Leg], found: &mut Vec<&'d Json>) {
    let Some((leg, rest)) = legs.split_first() else {
        // `**` may reach a place in several ways.
        if !found.iter().any(|other| std::ptr::eq(*other, value)) {
            found.push(value);
        }
        return;
    };
    match (leg, value) {
        (Leg::Member(name), Json::Object(_)) => {
            if let Some(member) = value.member(name) {
                find(member, rest, found);
            }
        }
        (Leg::Members, Json::Object(members)) => {
            members.iter().for_each(|(_, member)| find(member, rest, found))
        }
        (Leg::Element(index), Json::Array(elements)) => {
            if let Some(element) = index.of(elements.len()).and_then(|at| elements.get(at)) {
                find(element, rest, found);
            }
        }
        // What is no array is as good as an array with one element.
        (Leg::Element(index), value) if index.of(1) == Some(0) => find(value, rest, found),
        (Leg::Elements(first, last), Json::Array(elements)) => {
            // A range that ends before the array begins is empty; one that begins before it begins there.
            let Some(last) = last.of(elements.len()) else { return };
            let first = first.of(elements.len()).unwrap_or(0);
            elements
                .iter()
                .take(last.saturating_add(1))
                .skip(first)
                .for_each(|element| find(element, rest, found));
        }
        (Leg::Elements(first, last), value)
            if first.of(1) == Some(0) && (last.from_end || last.of(1).is_some()) =>
        {
            find(value, rest, found);
        }
        (Leg::AllElements, Json::Array(elements)) => {
            elements.iter().for_each(|element| find(element, rest, found))
        }
        (Leg::Anywhere, value) => {
            find(value, rest, found);
            match value {
                Json::Array(elements) => elements.iter().for_each(|element| find(element, legs, found)),
                Json::Object(members) => members.iter().for_each(|(_, member)| find(member, legs, found)),
                _ => {}
            }
        }
        _ => {}
    }
}

/// A reader of a path's text.
struct Reader {
    characters: Vec<char>,
    position: usize,
}

impl Reader {
    fn blanks(&mut self) {
        while self.characters.get(self.position).is_some_and(|character| character.is_whitespace()) {
            self.position += 1;
        }
    }

    fn takes(&mut self, expected: char) -> bool {
        let found = self.characters.get(self.position) == Some(&expected);
        self.position += usize::from(found);
        found
    }

    fn legs(&mut self) -> Option<Vec<Leg>> {
        self.blanks();
        if !self.takes('$') {
            return None;
        }
        let mut legs = Vec::new();
        loop {
            self.blanks();
            let Some(character) = self.characters.get(self.position).copied() else { return Some(legs) };
            self.position += 1;
            legs.push(match character {
                '.' => self.member()?,
                '[' => self.element()?,
                '*' if self.takes('*') => Leg::Anywhere,
                _ => return None,
            });
        }
    }

    fn member(&mut self) -> Option<Leg> {
        self.blanks();
        if self.takes('*') {
            return Some(Leg::Members);
        }
        let start = self.position;
        if self.takes('"') {
            while *self.characters.get(self.position)? != '"' {
                self.position += if self.characters[self.position] == '\\' { 2 } else { 1 };
            }
            self.position += 1;
            let quoted: String = self.characters[start..self.position].iter().collect();
            return match Json::parse(&quoted) {
                Ok(Json::String(name)) => Some(Leg::Member(name)),
                _ => None,
            };
        }
        let letter = |character: char| {
            character.is_alphanumeric() || matches!(character, '_' | '$') || character as u32 > 127
        };
        while self.characters.get(self.position).copied().is_some_and(letter) {
            self.position += 1;
        }
        let name: String = self.characters[start..self.position].iter().collect();
        // A name without quotes is an identifier: it does not begin with a digit.
        (!name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()))
            .then_some(Leg::Member(name))
    }

    fn element(&mut self) -> Option<Leg> {
        self.blanks();
        if self.takes('*') {
            self.blanks();
            return self.takes(']').then_some(Leg::AllElements);
        }
        let first = self.index()?;
        self.blanks();
        if self.takes(']') {
            return Some(Leg::Element(first));
        }
        if !(self.takes('t') && self.takes('o')) {
            return None;
        }
        self.blanks();
        let last = self.index()?;
        // A range whose end is surely before its beginning is none.
        let turned = match (first.from_end, last.from_end) {
            (false, false) => first.at > last.at,
            (true, true) => first.at < last.at,
            _ => false,
        };
        self.blanks();
        (!turned && self.takes(']')).then_some(Leg::Elements(first, last))
    }

    fn index(&mut self) -> Option<Index> {
        if self.characters[self.position..].starts_with(&['l', 'a', 's', 't']) {
            self.position += 4;
            self.blanks();
            if !self.takes('-') {
                return Some(Index { at: 0, from_end: true });
            }
            self.blanks();
            return Some(Index { at: self.number()?, from_end: true });
        }
        Some(Index { at: self.number()?, from_end: false })
    }

    fn number(&mut self) -> Option<usize> {
        let start = self.position;
        while self.characters.get(self.position).is_some_and(char::is_ascii_digit) {
            self.position += 1;
        }
        let digits: String = self.characters[start..self.position].iter().collect();
        digits.parse::<u32>().ok().map(|number| number as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_paths_find() {
        fn check(path: &str, expected: &[&str]) {
            let document = Json::parse(r#"{"a": {"b": [1, 2, 3]}, "c d": 4, "e": [{"b": 5}]}"#).unwrap();
            let found: Vec<String> = Path::parse(path)
                .unwrap()
                .find(&document)
                .into_iter()
                .map(|value| {
                    let mut text = String::new();
                    value.write(&mut text);
                    text
                })
                .collect();
            assert_eq!(found, expected, "{path}");
        }
        check("$.a.b[0]", &["1"]);
        check("$.a.b[last]", &["3"]);
        check("$.a.b[last-1]", &["2"]);
        check("$.a.b[1 to 2]", &["2", "3"]);
        check("$.\"c d\"", &["4"]);
        check("$**.b", &["[1, 2, 3]", "5"]);
        check("$.e[*].b", &["5"]);
        check("$[0].\"c d\"", &["4"]);
        check("$.x", &[]);
    }

    #[test]
    fn not_paths() {
        for text in ["", "a", "$.", "$[", "$[a]", "$.1a", "$**", "$ x", "$[3 to 1]", "$[last-1 to last-2]"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
