//! Texts in other character sets than UTF-8: what bytes mean there, and which bytes a text has.
//!
//! Text is UTF-8 wherever it is kept. A value that was put into another set by `CONVERT … USING` or an introducer
//! is marked so in its field; functions that ask for its bytes get those of its set. Clients whose own set is another
//! one are read and answered in it.

use std::borrow::Cow;
use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, BinaryViewArray, BinaryViewBuilder, StringViewArray};
use arrow::datatypes::Field;
use datafusion::common::Result;
use encoding_rs::{EncoderResult, Encoding};

use super::error::Error;
use super::shown::CASELESS;
use super::signature::{Call, Function, Types, is_binary, returns};

/// The metadata that names the set of a text which is not in the server's own.
pub const CHARACTER_SET: &str = "mysql_character_set";

/// The functions of this file.
pub fn functions() -> Vec<Function> {
    // `mysql_in_set(x, 'koi8r')`: bytes as a text of the set, or a text put into it.
    vec![
        Function::new("mysql_in_set", 2..=2, returns::text, in_set).marked(mark),
        // A literal with an introducer, for those who look at how it was written.
        Function::new("mysql_introduced", 1..=1, returns::first, |call| call.spread(&call.raw(0)?)).marked(
            |types| {
                let set = types.fields[0].metadata().get(CHARACTER_SET)?;
                Some((CHARACTER_SET.to_owned(), set.clone()))
            },
        ),
        // A text that compares without case; who compares sees the mark.
        Function::new(
            "mysql_caseless",
            1..=1,
            |types| Ok(types.of(0).clone()),
            |call| call.spread(&call.raw(0)?),
        )
        .marked(|_| Some((CASELESS.to_owned(), "1".to_owned()))),
    ]
}

/// A set by the name that MySQL has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Set {
    /// UTF-8.
    #[default]
    Utf8,
    /// ASCII.
    Ascii,
    /// Bytes from 128 on, as characters.
    Table(&'static str),
    /// One or two bytes for a character, in East Asia.
    Wide(&'static Encoding),
    /// Units of two bytes.
    Utf16 {
        /// Whether the most significant byte comes first.
        big: bool,
    },
    /// The same without surrogates.
    Ucs2,
    /// Four bytes for each character.
    Utf32,
    /// Known by name only.
    Other,
}

/// A set that a client reads instead of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSet {
    /// Its bytes.
    pub set: Set,
    /// Its name.
    pub name: &'static str,
    /// The number of its default collation.
    pub collation: u16,
    /// Most bytes of a character.
    pub bytes_max: u32,
}

impl ClientSet {
    /// The bytes of a text; a character that the set has not is `?`.
    pub fn encode(self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len());
        // A set that a client can have knows all its characters.
        let _ = self.set.encode(text, self.name, &mut bytes);
        bytes
    }

    /// A column of texts as bytes.
    pub fn encode_column(self, text: &StringViewArray) -> BinaryViewArray {
        text.iter().map(|text| text.map(|text| self.encode(text))).collect()
    }
}

impl Set {
    /// The set of a name in lower case.
    pub fn of(name: &str) -> Self {
        match name {
            "utf8mb4" | "utf8mb3" | "utf8" => Self::Utf8,
            "ascii" => Self::Ascii,
            "ucs2" => Self::Ucs2,
            "utf16" => Self::Utf16 { big: true },
            "utf16le" => Self::Utf16 { big: false },
            "utf32" => Self::Utf32,
            "gbk" | "gb2312" => Self::Wide(encoding_rs::GBK),
            "gb18030" => Self::Wide(encoding_rs::GB18030),
            "big5" => Self::Wide(encoding_rs::BIG5),
            "euckr" => Self::Wide(encoding_rs::EUC_KR),
            "sjis" | "cp932" => Self::Wide(encoding_rs::SHIFT_JIS),
            "ujis" | "eucjpms" => Self::Wide(encoding_rs::EUC_JP),
            name => match TABLES.iter().find(|(known, _)| *known == name) {
                Some((_, table)) => Self::Table(table),
                None => Self::Other,
            },
        }
    }

    /// Bytes as text; None when they are none.
    pub fn decode(self, bytes: &[u8], name: &str) -> Result<Option<String>> {
        Ok(match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(ToOwned::to_owned),
            Self::Ascii | Self::Other if bytes.is_ascii() => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            Self::Ascii => None,
            Self::Other => return Err(unknown(name)),
            Self::Wide(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Cow::into_owned)
            }
            Self::Table(table) => {
                let characters: Vec<char> = table.chars().collect();
                let character = |byte: &u8| match byte {
                    ..128 => char::from(*byte),
                    _ => characters[usize::from(byte - 128)],
                };
                Some(bytes.iter().map(character).collect())
            }
            Self::Ucs2 | Self::Utf16 { big: true } => {
                let units = units::<2>(bytes).into_iter().map(u16::from_be_bytes);
                char::decode_utf16(units).collect::<Result<_, _>>().ok()
            }
            Self::Utf16 { big: false } => {
                let units = units::<2>(bytes).into_iter().map(u16::from_le_bytes);
                char::decode_utf16(units).collect::<Result<_, _>>().ok()
            }
            Self::Utf32 => {
                units::<4>(bytes).into_iter().map(|unit| char::from_u32(u32::from_be_bytes(unit))).collect()
            }
        })
    }

    /// The bytes of a text; a character that the set has not is `?`.
    pub fn encode(self, text: &str, name: &str, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Utf8 => out.extend_from_slice(text.as_bytes()),
            Self::Other if !text.is_ascii() => return Err(unknown(name)),
            Self::Ascii | Self::Other => {
                out.extend(text.chars().map(|character| ascii(character).unwrap_or(b'?')))
            }
            Self::Table(table) => out.extend(text.chars().map(|character| {
                let high =
                    || table.chars().position(|known| known == character).map(|place| place as u8 + 128);
                ascii(character).or_else(high).unwrap_or(b'?')
            })),
            Self::Wide(encoding) => encode_wide(encoding, text, out),
            Self::Ucs2 => out.extend(text.chars().flat_map(|character| {
                u16::try_from(u32::from(character)).unwrap_or(u16::from(b'?')).to_be_bytes()
            })),
            Self::Utf16 { big } => out.extend(text.encode_utf16().flat_map(|unit| match big {
                true => unit.to_be_bytes(),
                false => unit.to_le_bytes(),
            })),
            Self::Utf32 => out.extend(text.chars().flat_map(|character| u32::from(character).to_be_bytes())),
        }
        Ok(())
    }
}

fn encode_wide(encoding: &'static Encoding, text: &str, out: &mut Vec<u8>) {
    let mut encoder = encoding.new_encoder();
    let mut rest = text;
    loop {
        let most = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        out.reserve(most.unwrap_or(rest.len() * 4));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::Unmappable(_) => out.push(b'?'),
            EncoderResult::OutputFull => {}
            EncoderResult::InputEmpty => return,
        }
    }
}

fn ascii(character: char) -> Option<u8> {
    u8::try_from(character).ok().filter(u8::is_ascii)
}

/// Bytes in units; the first is filled with zeros from the left, as MySQL does.
fn units<const WIDTH: usize>(bytes: &[u8]) -> Vec<[u8; WIDTH]> {
    let missing = (WIDTH - bytes.len() % WIDTH) % WIDTH;
    let filled: Vec<u8> = std::iter::repeat_n(0, missing).chain(bytes.iter().copied()).collect();
    filled.as_chunks::<WIDTH>().0.to_vec()
}

fn unknown(name: &str) -> datafusion::common::DataFusionError {
    Error::Unsupported { feature: format!("characters of {name} beyond ASCII") }.into()
}

/// The mark of a value in a set of its own.
fn mark(types: &Types<'_>) -> Option<(String, String)> {
    let set = types.string(1)?;
    (Set::of(set) != Set::Utf8).then(|| (CHARACTER_SET.to_owned(), set.to_owned()))
}

/// The name of the set that a field's texts are in.
pub fn name_of(field: &Field) -> &str {
    field.metadata().get(CHARACTER_SET).map_or("utf8mb4", String::as_str)
}

fn in_set(call: &Call<'_>) -> Result<ArrayRef> {
    let name = call.text(1)?;
    if !is_binary(call.kind(0)) {
        // What the set has no character for becomes `?`.
        let (text, mut bytes) = (call.text(0)?, Vec::new());
        return call.try_texts(|row, out| {
            let (Some(text), Some(name)) = (text.at(row), name.at(row)) else { return Ok(None) };
            let set = Set::of(name);
            if text.is_ascii() || set == Set::Other {
                out.push_str(text);
                return Ok(Some(()));
            }
            bytes.clear();
            set.encode(text, name, &mut bytes)?;
            out.push_str(&set.decode(&bytes, name)?.unwrap_or_default());
            Ok(Some(()))
        });
    }
    let bytes = call.bytes(0)?;
    call.try_texts(|row, out| {
        let (Some(bytes), Some(name)) = (bytes.at(row), name.at(row)) else { return Ok(None) };
        match Set::of(name).decode(bytes, name)? {
            Some(text) => {
                out.push_str(&text);
                Ok(Some(()))
            }
            None => {
                let mut shown = String::new();
                for byte in bytes.iter().take(6) {
                    // Writing to a String does not fail.
                    let _ = write!(shown, "\\x{byte:02X}");
                }
                call.warn(1300, format!("Invalid {name} character string: '{shown}'"));
                Ok(None)
            }
        }
    })
}

/// The bytes of a column of texts, in the set that its field tells.
pub fn bytes_of(text: StringViewArray, field: &Field) -> Result<BinaryViewArray> {
    let Some(name) = field.metadata().get(CHARACTER_SET) else { return Ok(text.to_binary_view()) };
    let set = Set::of(name);
    let mut column = BinaryViewBuilder::with_capacity(text.len());
    let mut bytes = Vec::new();
    for value in text.iter() {
        bytes.clear();
        if let Some(value) = value {
            set.encode(value, name, &mut bytes)?;
        }
        column.append_option(value.map(|_| &bytes));
    }
    Ok(column.finish())
}

/// Sets of one byte for a character: the characters of the bytes from 128 on.
#[rustfmt::skip]
const TABLES: &[(&str, &str)] = &[
    ("latin1", "€\u{81}\u{201a}ƒ\u{201e}\u{2026}\u{2020}\u{2021}ˆ\u{2030}Š\u{2039}Œ\u{8d}Ž\u{8f}\u{90}\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}˜™š\u{203a}œ\u{9d}žŸ\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"),
    ("latin2", "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\u{a0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{ad}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙"),
    ("latin5", "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ"),
    ("latin7", "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\u{a0}\u{201d}¢£¤\u{201e}¦§Ø©Ŗ«¬\u{ad}®Æ°±²³\u{201c}µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž\u{2019}"),
    ("greek", "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\u{a0}\u{2018}\u{2019}£€₯¦§¨©ͺ«¬\u{ad}\u{fffd}\u{2015}°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\u{fffd}ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ\u{fffd}"),
    ("hebrew", "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\u{a0}\u{fffd}¢£¤¥¦§¨©×«¬\u{ad}®¯°±²³´µ¶·¸¹÷»¼½¾\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{2017}\u{5d0}\u{5d1}\u{5d2}\u{5d3}\u{5d4}\u{5d5}\u{5d6}\u{5d7}\u{5d8}\u{5d9}\u{5da}\u{5db}\u{5dc}\u{5dd}\u{5de}\u{5df}\u{5e0}\u{5e1}\u{5e2}\u{5e3}\u{5e4}\u{5e5}\u{5e6}\u{5e7}\u{5e8}\u{5e9}\u{5ea}\u{fffd}\u{fffd}\u{200e}\u{200f}\u{fffd}"),
    ("cp1250", "€\u{fffd}\u{201a}\u{fffd}\u{201e}\u{2026}\u{2020}\u{2021}\u{fffd}\u{2030}Š\u{2039}ŚŤŽŹ\u{fffd}\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{fffd}™š\u{203a}śťžź\u{a0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{ad}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙"),
    ("cp1251", "ЂЃ\u{201a}ѓ\u{201e}\u{2026}\u{2020}\u{2021}€\u{2030}Љ\u{2039}ЊЌЋЏђ\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{fffd}™љ\u{203a}њќћџ\u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕїАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя"),
    ("cp1256", "€\u{67e}\u{201a}ƒ\u{201e}\u{2026}\u{2020}\u{2021}ˆ\u{2030}\u{679}\u{2039}Œ\u{686}\u{698}\u{688}\u{6af}\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{6a9}™\u{691}\u{203a}œ\u{200c}\u{200d}\u{6ba}\u{a0}\u{60c}¢£¤¥¦§¨©\u{6be}«¬\u{ad}®¯°±²³´µ¶·¸¹\u{61b}»¼½¾\u{61f}\u{6c1}\u{621}\u{622}\u{623}\u{624}\u{625}\u{626}\u{627}\u{628}\u{629}\u{62a}\u{62b}\u{62c}\u{62d}\u{62e}\u{62f}\u{630}\u{631}\u{632}\u{633}\u{634}\u{635}\u{636}×\u{637}\u{638}\u{639}\u{63a}\u{640}\u{641}\u{642}\u{643}à\u{644}â\u{645}\u{646}\u{647}\u{648}çèéêë\u{649}\u{64a}îï\u{64b}\u{64c}\u{64d}\u{64e}ô\u{64f}\u{650}÷\u{651}ù\u{652}ûü\u{200e}\u{200f}\u{6d2}"),
    ("cp1257", "€\u{fffd}\u{201a}\u{fffd}\u{201e}\u{2026}\u{2020}\u{2021}\u{fffd}\u{2030}\u{fffd}\u{2039}\u{fffd}¨ˇ¸\u{fffd}\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{fffd}™\u{fffd}\u{203a}\u{fffd}¯˛\u{fffd}\u{a0}\u{fffd}¢£¤\u{fffd}¦§Ø©Ŗ«¬\u{ad}®Æ°±²³´µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙"),
    ("cp850", "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±\u{2017}¾¶§÷¸°¨·¹³²■\u{a0}"),
    ("cp852", "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}"),
    ("cp866", "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√№¤■\u{a0}"),
    ("koi8r", "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{a0}⌡°²·÷═║╒ё╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡Ё╢╣╤╥╦╧╨╩╪╫╬©юабцдефгхийклмнопярстужвьызшэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ"),
    ("koi8u", "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{a0}⌡°²·÷═║╒ёє╔ії╗╘╙╚╛ґ╝╞╟╠╡ЁЄ╣ІЇ╦╧╨╩╪Ґ╬©юабцдефгхийклмнопярстужвьызшэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ"),
    ("macroman", "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü\u{2020}°¢£§\u{2022}¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»\u{2026}\u{a0}ÀÃÕŒœ\u{2013}\u{2014}\u{201c}\u{201d}\u{2018}\u{2019}÷◊ÿŸ\u{2044}€\u{2039}\u{203a}ﬁﬂ\u{2021}·\u{201a}\u{201e}\u{2030}ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ"),
    ("macce", "ÄĀāÉĄÖÜáąČäčĆćéŹźĎíďĒēĖóėôöõúĚěü\u{2020}°Ę£§\u{2022}¶ß®©™ę¨≠ģĮįĪ≤≥īĶ∂∑łĻļĽľĹĺŅņŃ¬√ńŇ∆«»\u{2026}\u{a0}ňŐÕőŌ\u{2013}\u{2014}\u{201c}\u{201d}\u{2018}\u{2019}÷◊ōŔŕŘ\u{2039}\u{203a}řŖŗŠ\u{201a}\u{201e}šŚśÁŤťÍŽžŪÓÔūŮÚůŰűŲųÝýķŻŁżĢˇ"),
    ("tis620", "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\u{a0}กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลฦวศษสหฬอฮฯ\u{e30}\u{e31}\u{e32}\u{e33}\u{e34}\u{e35}\u{e36}\u{e37}\u{e38}\u{e39}\u{e3a}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{e3f}\u{e40}\u{e41}\u{e42}\u{e43}\u{e44}\u{e45}\u{e46}\u{e47}\u{e48}\u{e49}\u{e4a}\u{e4b}\u{e4c}\u{e4d}\u{e4e}\u{e4f}๐๑๒๓๔๕๖๗๘๙๚๛\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
];
