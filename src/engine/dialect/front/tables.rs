//! Tables as MySQL writes them and sqlparser does not read: `TABLE t`, `FROM (a, b)`, `FROM {OJ a LEFT JOIN b …}`.
//!
//! It knows tokens, and makes others of them that say the same.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::super::grammar::is;

/// The tokens as the parser reads them.
pub fn readable(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut changes: Vec<(usize, Change)> = Vec::new();
    let mut open: Vec<Open> = vec![Open::default()];
    let mut braces = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| &tokens[before].token);
        let expects_table = open.last().is_some_and(|open| open.expects_table(before));
        match &token.token {
            Token::LParen => {
                let is_query = matches!(tokens.get(place + 1).map(|next| &next.token),
                    Some(Token::Word(next)) if BEGIN_QUERIES.contains(&next.keyword));
                let list = (expects_table && !is_query).then_some(place);
                open.push(Open { list, in_from: false, items: vec![Item::default()] });
            }
            Token::RParen if open.len() > 1 => {
                if let Some(Open { list: Some(start), items, .. }) = open.pop()
                    && items.len() > 1
                {
                    list_of_tables(start, place, &items, &mut changes);
                }
            }
            Token::LBrace
                if expects_table
                    && matches!(tokens.get(place + 1).map(|next| &next.token),
                Some(Token::Word(next)) if is(next, "OJ")) =>
            {
                braces += 1;
                changes.push((place, Change::Replace(vec![Token::LParen])));
                changes.push((place + 1, Change::Replace(Vec::new())));
            }
            Token::RBrace if braces > 0 => {
                braces -= 1;
                changes.push((place, Change::Replace(vec![Token::RParen])));
            }
            Token::Comma => {
                if let Some(open) = open.last_mut() {
                    open.items.push(Item { comma: place, joins: false });
                }
            }
            Token::Word(word) if word.quote_style.is_none() && before != Some(&Token::Period) => {
                let Some(open) = open.last_mut() else { break };
                match word.keyword {
                    Keyword::FROM => open.in_from = true,
                    Keyword::JOIN => open.joins(),
                    Keyword::TABLE if begins_query(before) => {
                        let select = ["SELECT", "FROM"].map(|word| Token::make_word(word, None));
                        let [select, from] = select;
                        changes.push((place, Change::Replace(vec![select, Token::Mul, from])));
                    }
                    keyword if END_FROM.contains(&keyword) => open.in_from = false,
                    _ if is(word, "STRAIGHT_JOIN") => open.joins(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if changes.is_empty() { tokens } else { changed(tokens, changes) }
}

/// Words that a query begins with.
const BEGIN_QUERIES: [Keyword; 4] = [Keyword::SELECT, Keyword::WITH, Keyword::VALUES, Keyword::TABLE];

/// Words after which no table follows a comma.
const END_FROM: [Keyword; 11] = [
    Keyword::SELECT,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::ORDER,
    Keyword::LIMIT,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::WINDOW,
    Keyword::INTO,
];

/// What is between parentheses, as far as it is read.
#[derive(Default)]
struct Open {
    /// Where the parenthesis is, if tables are in it and no query.
    list: Option<usize>,
    /// Whether it is the FROM of a query.
    in_from: bool,
    items: Vec<Item>,
}

/// A part between commas.
#[derive(Default)]
struct Item {
    /// Where the comma before it is.
    comma: usize,
    /// Whether it joins tables itself.
    joins: bool,
}

impl Open {
    fn joins(&mut self) {
        if let Some(item) = self.items.last_mut() {
            item.joins = true;
        }
    }

    /// Whether a table is next, after this token.
    fn expects_table(&self, before: Option<&Token>) -> bool {
        match before {
            Some(Token::LParen) => self.list.is_some(),
            Some(Token::Comma) => self.list.is_some() || self.in_from,
            Some(Token::Word(word)) if word.quote_style.is_none() => {
                matches!(word.keyword, Keyword::FROM | Keyword::JOIN) || is(word, "STRAIGHT_JOIN")
            }
            _ => false,
        }
    }
}

/// Whether a query begins after this token: TABLE is then no part of another statement's name.
fn begins_query(before: Option<&Token>) -> bool {
    match before {
        None | Some(Token::LParen | Token::RParen) => true,
        Some(Token::Word(word)) => {
            word.quote_style.is_none()
                && ["UNION", "ALL", "DISTINCT", "EXCEPT", "INTERSECT", "EXPLAIN", "DESCRIBE", "DESC"]
                    .iter()
                    .any(|name| is(word, name))
        }
        _ => false,
    }
}

enum Change {
    Replace(Vec<Token>),
    /// Before the token at the place.
    Insert(Token),
}

/// `(a, b LEFT JOIN c ON …)` is `(a CROSS JOIN (b LEFT JOIN c ON …))`.
fn list_of_tables(start: usize, end: usize, items: &[Item], changes: &mut Vec<(usize, Change)>) {
    for (number, item) in items.iter().enumerate() {
        let last = items.get(number + 1).map_or(end, |next| next.comma);
        if number > 0 {
            let cross = ["CROSS", "JOIN"].map(|word| Token::make_word(word, None));
            changes.push((item.comma, Change::Replace(cross.to_vec())));
        }
        if item.joins {
            let first = if number == 0 { start + 1 } else { item.comma + 1 };
            changes.push((first, Change::Insert(Token::LParen)));
            changes.push((last, Change::Insert(Token::RParen)));
        }
    }
}

fn changed(tokens: Vec<TokenWithSpan>, mut changes: Vec<(usize, Change)>) -> Vec<TokenWithSpan> {
    changes.sort_by_key(|(place, change)| (*place, matches!(change, Change::Replace(_))));
    let mut changes = changes.into_iter().peekable();
    let mut result = Vec::with_capacity(tokens.len());
    for (place, token) in tokens.into_iter().enumerate() {
        let span = token.span;
        let mut replaced = false;
        while let Some((_, change)) = changes.next_if(|(at, _)| *at == place) {
            match change {
                Change::Insert(inserted) => result.push(TokenWithSpan::new(inserted, span)),
                Change::Replace(new) => {
                    replaced = true;
                    result.extend(new.into_iter().map(|token| TokenWithSpan::new(token, span)));
                }
            }
        }
        if !replaced {
            result.push(token);
        }
    }
    result
}
