//! When a view is refreshed: REFRESH ON CHANGE, EVERY, CRON, and how StarRocks and Doris write the same. It must not know
//! what else a view's statement says.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use sqlparser::tokenizer::Token;

use crate::engine::dialect::front::{Front, Read};
use crate::engine::error::Error;
use crate::views::definition::{Refresh, Schedule, Unit};

impl Front<'_> {
    /// What follows REFRESH: when days are refreshed without being asked for.
    pub(super) fn refresh_clause(&mut self, ignored: &mut Vec<&'static str>) -> Read<Refresh> {
        // StarRocks' word for when the first refresh is. Here it is as soon as REFRESH says.
        if !self.accept("IMMEDIATE") && self.accept("DEFERRED") {
            ignored.push("DEFERRED");
        }
        if self.accept("INCREMENTAL") {
            let message = "REFRESH INCREMENTAL; days are refreshed as a whole, so REFRESH ON CHANGE is meant";
            return Err(Error::NotSupported(message.to_owned()).into());
        }
        if self.accept("MANUAL") {
            return Ok(Refresh::Manual);
        }
        if self.accept("ASYNC") || self.accept("SCHEDULE") {
            return self.starrocks_schedule();
        }
        if self.accept("EVERY") {
            return Ok(Refresh::OnSchedule(self.every()?));
        }
        // Doris' words for which days: those that are stale are meant either way.
        let doris = self.accept("AUTO") || self.accept("COMPLETE");
        if !self.accept("ON") {
            return if doris { Ok(Refresh::Manual) } else { self.unexpected() };
        }
        if self.accept("CHANGE") || self.accept("COMMIT") {
            return Ok(Refresh::OnChange);
        }
        if self.accept("MANUAL") || self.accept("DEMAND") {
            return Ok(Refresh::Manual);
        }
        self.expect("SCHEDULE")?;
        if self.accept("EVERY") {
            return Ok(Refresh::OnSchedule(self.every()?));
        }
        self.expect("CRON")?;
        let expression = self.string()?;
        crate::scheduler::schedule::Cron::parse(&expression)
            .map_err(|error| Error::Invalid(format!("CRON '{expression}': {error}")))?;
        let time_zone = self.time_zone()?;
        Ok(Refresh::OnSchedule(Schedule::Cron { expression, time_zone }))
    }

    /// n unit [STARTS 'time'] [TIME ZONE 'zone'], as in MySQL's CREATE EVENT.
    fn every(&mut self) -> Read<Schedule> {
        let (count, unit) = self.interval()?;
        let starts = if self.accept("STARTS") { Some(self.time()?) } else { None };
        let time_zone = self.time_zone()?;
        Ok(Schedule::Every { count, unit, starts, time_zone })
    }

    /// [START ('time')] [EVERY (INTERVAL n unit)]; without EVERY, whenever a table changes.
    fn starrocks_schedule(&mut self) -> Read<Refresh> {
        let mut starts = None;
        if self.accept("START") {
            self.parser.expect_token(&Token::LParen)?;
            starts = Some(self.time()?);
            self.parser.expect_token(&Token::RParen)?;
        }
        if starts.is_none() && !self.is_next("EVERY") {
            return Ok(Refresh::OnChange);
        }
        self.expect("EVERY")?;
        self.parser.expect_token(&Token::LParen)?;
        self.expect("INTERVAL")?;
        let (count, unit) = self.interval()?;
        self.parser.expect_token(&Token::RParen)?;
        Ok(Refresh::OnSchedule(Schedule::Every { count, unit, starts, time_zone: None }))
    }

    /// n unit.
    fn interval(&mut self) -> Read<(u32, Unit)> {
        const UNITS: [(&str, &str, Unit); 6] = [
            ("SECOND", "SECONDS", Unit::Second),
            ("MINUTE", "MINUTES", Unit::Minute),
            ("HOUR", "HOURS", Unit::Hour),
            ("DAY", "DAYS", Unit::Day),
            ("WEEK", "WEEKS", Unit::Week),
            ("MONTH", "MONTHS", Unit::Month),
        ];
        let count = self.parser.parse_literal_uint()?;
        let count = u32::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
            Error::Invalid(format!("EVERY {count}: the interval is from 1 to {}", u32::MAX))
        })?;
        let unit = UNITS.iter().find(|(one, many, _)| self.accept(one) || self.accept(many));
        match unit {
            Some((_, _, unit)) => Ok((count, *unit)),
            None => self.unexpected(),
        }
    }

    /// [[AT] TIME ZONE 'zone'].
    pub(super) fn time_zone(&mut self) -> Read<Option<String>> {
        if self.accept("AT") {
            self.expect("TIME")?;
        } else if !self.accept("TIME") {
            return Ok(None);
        }
        self.expect("ZONE")?;
        let name = self.string()?;
        match name.parse::<chrono_tz::Tz>() {
            Ok(_) => Ok(Some(name)),
            Err(_) => Err(Error::TimeZone(name).into()),
        }
    }

    /// A day, or a day and a time.
    fn time(&mut self) -> Read<NaiveDateTime> {
        self.accept("TIMESTAMP");
        let text = self.string()?;
        let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
        let time = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok());
        match time.or_else(|| day().ok()) {
            Some(time) => Ok(time),
            None => Err(Error::Value { kind: "DATETIME", value: text }.into()),
        }
    }
}
