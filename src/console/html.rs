//! Writes HTML. Every text that is not the program's own goes through [`Html::text`]. It must not know what pages show.

use std::fmt::{Display, Write};

/// A page, or a part of one.
#[derive(Debug, Default)]
pub struct Html(String);

impl Html {
    /// Adds markup, which the program has written itself.
    pub fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds a text as it should be read, in an element or in a quoted attribute.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        let mut escaping = Escaping(&mut self.0);
        write!(escaping, "{text}").expect("a text takes all that is written");
        self
    }

    /// Adds an element without attributes that holds a text.
    pub fn element(&mut self, name: &str, text: impl Display) -> &mut Self {
        self.raw("<").raw(name).raw(">").text(text).raw("</").raw(name).raw(">")
    }

    /// The markup.
    pub fn finish(self) -> String {
        self.0
    }
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Browsers make something of some control characters, and nobody can read them.
                '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f' => self.0.push('\u{fffd}'),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let check = |text: &str, expected: &str| {
            let mut html = Html::default();
            html.text(text);
            assert_eq!(html.finish(), expected, "{text:?}");
        };
        check("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
        check("a \"b\" & c", "a &quot;b&quot; &amp; c");
        check("日本語\n\u{1}", "日本語\n\u{fffd}");
    }
}
