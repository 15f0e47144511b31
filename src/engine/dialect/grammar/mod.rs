//! MySQL's grammar of expressions over sqlparser's parser: true precedences, and the operators and calls it lacks.
//!
//! It knows tokens and syntax trees; no statement but a query, no names, no types.
//!
//! sqlparser's own MySQL dialect binds `||`, `&&`, `DIV`, `XOR`, `^`, `->`, `BINARY` and others wrongly. All
//! binary operators are therefore read here. A chain of AND or OR becomes a balanced tree, and every other
//! chain has a limit, so that no later pass over the tree runs out of stack.

mod aggregates;
mod build;
mod phrases;

pub use aggregates::FROM_LAST;
pub use build::{binary, call, is, number, string, unary};
pub use phrases::{CHARACTER_SETS, in_character_set};

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use sqlparser::dialect::{Dialect, MySqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::Mode;
use super::reserved::is_reserved;
use aggregates::{Shape, aggregate};
use phrases::{
    between, case, cast, char_using, clock, convert, counted, extract, function, get_format, in_units,
    interval, json_value, like, move_date, odbc, position, substring, trim, weight_string,
};

/// How deep parentheses, calls and subqueries may nest.
pub const DEPTH_MAX: usize = 300;
/// How many operators of one kind may follow each other, but for AND and OR.
const CHAIN_MAX: usize = 500;
/// How many postfix operators (IS NULL, IN, LIKE …) and links of chains a statement may have.
const LINKS_MAX: usize = 50_000;

// From loose to tight; https://dev.mysql.com/doc/refman/8.0/en/operator-precedence.html
const ASSIGN: u8 = 1;
const OR: u8 = 5;
const XOR: u8 = 6;
const AND: u8 = 10;
const NOT: u8 = 15;
const COMPARISON: u8 = 20;
const PREDICATE: u8 = 21;
const BIT_OR: u8 = 22;
const BIT_AND: u8 = 23;
const SHIFT: u8 = 24;
const SUM: u8 = 30;
const PRODUCT: u8 = 40;
const BIT_XOR: u8 = 45;
const UNARY: u8 = 48;
const BANG: u8 = 50;
const BINARY: u8 = 52;
const JSON: u8 = 60;
const PERIOD: u8 = 100;

/// The dialect for one statement; it counts the work, so that no text makes the parser run for long.
#[derive(Debug)]
pub struct LakeMySql {
    mysql: MySqlDialect,
    mode: Mode,
    prefixes_left: Cell<usize>,
    links_left: Cell<usize>,
    too_complex: Cell<bool>,
}

impl LakeMySql {
    /// The dialect for a statement of so many tokens. The parser tries some phrases twice, hence the allowance.
    pub fn new(mode: Mode, tokens: usize) -> Self {
        Self {
            mysql: MySqlDialect {},
            mode,
            prefixes_left: Cell::new(tokens * 64 + 4096),
            links_left: Cell::new(LINKS_MAX),
            too_complex: Cell::new(false),
        }
    }

    /// Whether a limit stopped the parser.
    pub fn too_complex(&self) -> bool {
        self.too_complex.get()
    }

    fn spend(&self, budget: &Cell<usize>) -> Result<(), ParserError> {
        match budget.get().checked_sub(1) {
            Some(left) => {
                budget.set(left);
                Ok(())
            }
            None => Err(self.refuse()),
        }
    }

    fn refuse(&self) -> ParserError {
        self.too_complex.set(true);
        ParserError::RecursionLimitExceeded
    }

    /// The operator at the parser's place and how tightly it binds.
    fn operator(&self, parser: &Parser) -> Option<(Operator, u8)> {
        use BinaryOperator as B;
        let operator = match &parser.peek_token_ref().token {
            Token::Assignment => (B::Assignment, ASSIGN),
            Token::StringConcat if self.mode.pipes_as_concat => (B::StringConcat, BIT_XOR),
            Token::StringConcat => (B::Or, OR),
            Token::Overlap => (B::And, AND),
            Token::Spaceship => (B::Spaceship, COMPARISON),
            Token::Eq => (B::Eq, COMPARISON),
            Token::Neq => (B::NotEq, COMPARISON),
            Token::Lt => (B::Lt, COMPARISON),
            Token::LtEq => (B::LtEq, COMPARISON),
            Token::Gt => (B::Gt, COMPARISON),
            Token::GtEq => (B::GtEq, COMPARISON),
            Token::Pipe => (B::BitwiseOr, BIT_OR),
            Token::Ampersand => (B::BitwiseAnd, BIT_AND),
            Token::ShiftLeft => (B::PGBitwiseShiftLeft, SHIFT),
            Token::ShiftRight => (B::PGBitwiseShiftRight, SHIFT),
            Token::Plus => (B::Plus, SUM),
            Token::Minus => (B::Minus, SUM),
            Token::Mul => (B::Multiply, PRODUCT),
            Token::Div => (B::Divide, PRODUCT),
            Token::Mod => (B::Modulo, PRODUCT),
            Token::Caret => (B::BitwiseXor, BIT_XOR),
            Token::Arrow => (B::Arrow, JSON),
            Token::LongArrow => (B::LongArrow, JSON),
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::OR => (B::Or, OR),
                Keyword::XOR => (B::Xor, XOR),
                Keyword::AND => (B::And, AND),
                Keyword::DIV => (B::MyIntegerDivide, PRODUCT),
                _ if is(word, "MOD") => (B::Modulo, PRODUCT),
                Keyword::REGEXP | Keyword::RLIKE => {
                    return Some((Operator::Regexp { negated: false }, PREDICATE));
                }
                Keyword::LIKE => return Some((Operator::Like { negated: false }, PREDICATE)),
                Keyword::BETWEEN => return Some((Operator::Between { negated: false }, PREDICATE)),
                Keyword::NOT => {
                    let Token::Word(next) = &parser.peek_nth_token_ref(1).token else { return None };
                    let operator = match next.keyword {
                        Keyword::REGEXP | Keyword::RLIKE => Operator::Regexp { negated: true },
                        Keyword::LIKE => Operator::Like { negated: true },
                        Keyword::BETWEEN => Operator::Between { negated: true },
                        _ => return None,
                    };
                    return Some((operator, PREDICATE));
                }
                _ if is(word, "SOUNDS") => return Some((Operator::SoundsLike, PREDICATE)),
                _ if is(word, "MEMBER")
                    && match &parser.peek_nth_token_ref(1).token {
                        Token::Word(next) => is(next, "OF"),
                        next => *next == Token::LParen,
                    } =>
                {
                    return Some((Operator::MemberOf, PREDICATE));
                }
                _ => return None,
            },
            _ => return None,
        };
        Some((Operator::Binary(operator.0), operator.1))
    }

    /// Reads the operators of one precedence and their right sides, from left to right.
    fn chain(&self, parser: &mut Parser, first: Expr, precedence: u8) -> Result<Expr, ParserError> {
        if precedence == AND || precedence == OR {
            let operator = if precedence == AND { BinaryOperator::And } else { BinaryOperator::Or };
            let mut operands = vec![first];
            while self.operator(parser).is_some_and(|(_, next)| next == precedence) {
                parser.advance_token();
                operands.push(parser.parse_subexpr(precedence)?);
            }
            return Ok(balanced(&operator, operands));
        }
        let mut left = first;
        for _ in 0..CHAIN_MAX {
            let Some((operator, _)) = self.operator(parser).filter(|(_, next)| *next == precedence) else {
                return Ok(left);
            };
            self.spend(&self.links_left)?;
            parser.advance_token();
            left = match operator {
                Operator::SoundsLike => {
                    parser.expect_keyword(Keyword::LIKE)?;
                    let right = parser.parse_subexpr(precedence)?;
                    binary(call("soundex", vec![left]), BinaryOperator::Eq, call("soundex", vec![right]))
                }
                Operator::MemberOf => {
                    if !parser.consume_token(&Token::LParen) {
                        parser.advance_token();
                        parser.expect_token(&Token::LParen)?;
                    }
                    let array = parser.parse_expr()?;
                    parser.expect_token(&Token::RParen)?;
                    call("mysql_member_of", vec![left, array])
                }
                Operator::Like { negated } => {
                    if negated {
                        parser.advance_token();
                    }
                    like(parser, left, negated, precedence)?
                }
                Operator::Between { negated } => {
                    if negated {
                        parser.advance_token();
                    }
                    between(parser, left, negated, precedence)?
                }
                Operator::Regexp { negated } => {
                    if negated {
                        parser.advance_token();
                    }
                    let matches = call("mysql_regexp", vec![left, parser.parse_subexpr(precedence)?]);
                    if negated { unary(UnaryOperator::Not, matches) } else { matches }
                }
                Operator::Binary(operator) => self.right_side(parser, left, operator, precedence)?,
            };
        }
        Err(self.refuse())
    }

    fn right_side(
        &self,
        parser: &mut Parser,
        left: Expr,
        operator: BinaryOperator,
        precedence: u8,
    ) -> Result<Expr, ParserError> {
        if precedence == COMPARISON
            && let Some(quantifier) =
                parser.parse_one_of_keywords(&[Keyword::ANY, Keyword::SOME, Keyword::ALL])
        {
            parser.expect_token(&Token::LParen)?;
            let query = parser.parse_query()?;
            parser.expect_token(&Token::RParen)?;
            let (left, right) = (Box::new(left), Box::new(Expr::Subquery(query)));
            return Ok(if quantifier == Keyword::ALL {
                Expr::AllOp { left, compare_op: operator, right }
            } else {
                Expr::AnyOp { left, compare_op: operator, right, is_some: false }
            });
        }
        // An assignment takes all that follows: `@a := @b := 1`.
        let right = parser.parse_subexpr(if precedence == ASSIGN { ASSIGN - 1 } else { precedence })?;
        Ok(binary(left, operator, right))
    }

    /// What begins an expression and sqlparser reads otherwise or not at all.
    fn prefix(&self, parser: &mut Parser) -> Result<Option<Expr>, ParserError> {
        self.spend(&self.prefixes_left)?;
        let token = parser.peek_token_ref().token.clone();
        let word = match token {
            Token::ExclamationMark => {
                parser.advance_token();
                return Ok(Some(unary(UnaryOperator::Not, parser.parse_subexpr(BANG)?)));
            }
            Token::Minus | Token::Plus | Token::Tilde => {
                parser.advance_token();
                let operator = match token {
                    Token::Minus => UnaryOperator::Minus,
                    Token::Plus => UnaryOperator::Plus,
                    _ => UnaryOperator::BitwiseNot,
                };
                return Ok(Some(unary(operator, parser.parse_subexpr(UNARY)?)));
            }
            // `:name` is a parameter elsewhere.
            Token::Colon => return parser.expected_ref("an expression", parser.peek_token_ref()),
            Token::LBrace => return odbc(parser),
            Token::Word(word) if word.quote_style.is_none() => word,
            _ => return Ok(None),
        };
        let called = parser.peek_nth_token_ref(1).token == Token::LParen;
        match word.value.to_ascii_uppercase().as_str() {
            "BINARY" => {
                parser.advance_token();
                Ok(Some(call("mysql_cast_binary", vec![parser.parse_subexpr(BINARY)?])))
            }
            "INTERVAL" => parser.maybe_parse(interval).and_then(|interval| match interval {
                Some(interval) => Ok(Some(interval)),
                None if called => function(parser, "interval").map(Some),
                None => Ok(None),
            }),
            "CAST" if called => cast(parser).map(Some),
            "CONVERT" if called => convert(parser).map(Some),
            "CHAR" if called => char_using(parser).map(Some),
            "EXTRACT" if called => extract(parser).map(Some),
            "ROW" if called => {
                parser.advance_token();
                parser.expect_token(&Token::LParen)?;
                let items = parser.parse_comma_separated(Parser::parse_expr)?;
                parser.expect_token(&Token::RParen)?;
                Ok(Some(Expr::Tuple(items)))
            }
            "JSON_VALUE" if called => json_value(parser).map(Some),
            "WEIGHT_STRING" if called => weight_string(parser).map(Some),
            "TRIM" if called => trim(parser).map(Some),
            "POSITION" if called => position(parser).map(Some),
            "GET_FORMAT" if called => get_format(parser).map(Some),
            name @ ("TIMESTAMPADD" | "TIMESTAMPDIFF") if called => in_units(parser, name).map(Some),
            name @ ("DATE_ADD" | "DATE_SUB") if called => move_date(parser, name).map(Some),
            name @ ("NOW" | "SYSDATE" | "CURRENT_TIMESTAMP" | "LOCALTIME" | "LOCALTIMESTAMP" | "CURTIME"
            | "CURRENT_TIME" | "UTC_TIME" | "UTC_TIMESTAMP")
                if called =>
            {
                clock(parser, name).map(Some)
            }
            "SUBSTRING" | "SUBSTR" | "MID" if called => substring(parser).map(Some),
            "CASE" => case(parser).map(Some),
            "NOT" => {
                parser.advance_token();
                Ok(Some(unary(UnaryOperator::Not, parser.parse_subexpr(NOT)?)))
            }
            // Names that MySQL's grammar knows, and how many arguments they have in it.
            name @ ("LEFT" | "RIGHT" | "MOD" | "REPEAT" | "TRUNCATE") if called => {
                counted(parser, name, 2).map(Some)
            }
            name @ ("IF" | "REPLACE") if called => counted(parser, name, 3).map(Some),
            "INSERT" if called => counted(parser, "insert", 4).map(Some),
            // Names that sqlparser reads in a way of its own, and that are plain functions here.
            name @ ("CEIL" | "CEILING" | "FLOOR" | "DATE" | "TIME" | "TIMESTAMP" | "YEAR" | "JSON_OBJECT"
            | "JSON_ARRAY" | "FORMAT" | "VALUES" | "SCHEMA" | "DATABASE" | "USER" | "MAP"
            | "STRUCT" | "ARRAY" | "LAMBDA")
                if called =>
            {
                function(parser, &name.to_ascii_lowercase()).map(Some)
            }
            name if called && let Some(shape) = Shape::of(name) => {
                aggregate(parser, &name.to_ascii_lowercase(), shape).map(Some)
            }
            _ if RESERVED.contains(&word.keyword) && !called => {
                parser.expected_ref("an expression", parser.peek_token_ref())
            }
            _ => Ok(None),
        }
    }
}

enum Operator {
    Binary(BinaryOperator),
    SoundsLike,
    MemberOf,
    Like { negated: bool },
    Between { negated: bool },
    Regexp { negated: bool },
}

/// Whether a word can be an alias without quotes.
fn may_be_alias(keyword: Keyword) -> bool {
    keyword == Keyword::NoKeyword || !is_reserved(&format!("{keyword:?}"))
}

/// Words that cannot be names without quotes.
const RESERVED: &[Keyword] = &[
    Keyword::SELECT,
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::ORDER,
    Keyword::HAVING,
    Keyword::LIMIT,
    Keyword::UNION,
    Keyword::AND,
    Keyword::OR,
    Keyword::XOR,
    Keyword::ON,
    Keyword::JOIN,
    Keyword::INNER,
    Keyword::CROSS,
    Keyword::NATURAL,
    Keyword::USING,
    Keyword::AS,
    Keyword::BY,
    Keyword::IN,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::BETWEEN,
    Keyword::WHEN,
    Keyword::THEN,
    Keyword::ELSE,
    Keyword::DISTINCT,
    Keyword::INTO,
    Keyword::SET,
    Keyword::UPDATE,
    Keyword::DELETE,
    Keyword::CREATE,
    Keyword::DROP,
    Keyword::ALTER,
    Keyword::TABLE,
    Keyword::INDEX,
    Keyword::ASC,
    Keyword::DESC,
    Keyword::WITH,
    Keyword::FOR,
    Keyword::DIV,
    Keyword::REGEXP,
    Keyword::RLIKE,
    Keyword::EXCEPT,
];

/// A tree of small depth for operands in their order.
fn balanced(operator: &BinaryOperator, mut operands: Vec<Expr>) -> Expr {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => binary(left, operator.clone(), right),
                None => left,
            });
        }
        operands = pairs;
    }
    operands.pop().unwrap_or(Expr::Value(Value::Null.into()))
}

impl Dialect for LakeMySql {
    // sqlparser asks for its own dialect's type where it reads MySQL's phrases.
    fn dialect(&self) -> TypeId {
        TypeId::of::<MySqlDialect>()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.mysql.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.mysql.is_identifier_part(ch)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        self.prefix(parser).transpose()
    }

    fn parse_infix(
        &self,
        parser: &mut Parser,
        expr: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        match self.operator(parser) {
            // The clone is of what stands left of a whole chain, not of each link.
            Some((_, operator)) => {
                debug_assert_eq!(operator, precedence, "the parser asked for this operator's precedence");
                Some(self.chain(parser, expr.clone(), operator))
            }
            None => self.spend(&self.links_left).err().map(Err),
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        if let Some((_, precedence)) = self.operator(parser) {
            return Some(Ok(precedence));
        }
        let precedence = match &parser.peek_token_ref().token {
            Token::Period => PERIOD,
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::IS => COMPARISON,
                Keyword::IN | Keyword::MEMBER => PREDICATE,
                Keyword::NOT => match &parser.peek_nth_token_ref(1).token {
                    Token::Word(next) if next.keyword == Keyword::IN => PREDICATE,
                    _ => 0,
                },
                _ => 0,
            },
            _ => 0,
        };
        Some(Ok(precedence))
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => PERIOD,
            Precedence::DoubleColon => BINARY,
            Precedence::MulDivModOp => PRODUCT,
            Precedence::PlusMinus => SUM,
            Precedence::Xor => XOR,
            Precedence::Ampersand => BIT_AND,
            Precedence::Caret => BIT_XOR,
            Precedence::Pipe => BIT_OR,
            // A pattern or a bound takes no further predicate, `a LIKE b LIKE c` is `(a LIKE b) LIKE c`.
            Precedence::Like | Precedence::Between => PREDICATE,
            Precedence::Eq | Precedence::Is => COMPARISON,
            Precedence::PgOther | Precedence::AtTz | Precedence::Colon => JSON,
            Precedence::UnaryNot => NOT,
            Precedence::And => AND,
            Precedence::Or => OR,
        }
    }

    fn is_table_factor_alias(&self, _explicit: bool, keyword: &Keyword, _parser: &mut Parser) -> bool {
        may_be_alias(*keyword)
    }

    fn is_select_item_alias(&self, _explicit: bool, keyword: &Keyword, _parser: &mut Parser) -> bool {
        may_be_alias(*keyword)
    }

    // `a LEFT JOIN b JOIN c ON … ON …`: the first ON is that of the last join.
    fn supports_left_associative_joins_without_parens(&self) -> bool {
        false
    }

    // What MySQL's dialect answers, and what only ours does: ROLLUP, parentheses around tables, LATERAL.
    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }
    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }
    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }
    fn supports_string_literal_concatenation(&self) -> bool {
        true
    }
    fn ignores_wildcard_escapes(&self) -> bool {
        true
    }
    fn supports_numeric_prefix(&self) -> bool {
        true
    }
    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }
    fn require_interval_qualifier(&self) -> bool {
        true
    }
    fn supports_limit_comma(&self) -> bool {
        true
    }
    fn supports_table_hints(&self) -> bool {
        true
    }
    fn supports_match_against(&self) -> bool {
        true
    }
    fn supports_select_modifiers(&self) -> bool {
        true
    }
    fn supports_cross_join_constraint(&self) -> bool {
        true
    }
    fn supports_double_ampersand_operator(&self) -> bool {
        true
    }
    fn supports_data_type_signed_suffix(&self) -> bool {
        true
    }
    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }
}
