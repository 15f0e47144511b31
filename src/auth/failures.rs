//! Failed logins by address: whoever fails again and again is answered later and later.
//!
//! It knows addresses and counts, and no users: a table of names would tell which ones exist, and let a stranger
//! slow down somebody else's login.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures that cost nothing: people mistype.
const FREE: u32 = 3;

/// The delay of the first failure that costs something; each further one doubles it.
const DELAY_MIN: Duration = Duration::from_millis(100);

/// After so much time without a failure an address begins anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// Most addresses that are remembered; then the one that has been quiet the longest is forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// Counts failed logins.
#[derive(Debug)]
pub struct Failures {
    delay_max: Duration,
    addresses: Mutex<HashMap<IpAddr, Failed>>,
}

#[derive(Debug)]
struct Failed {
    times: u32,
    last: Instant,
}

impl Failures {
    /// Nobody has failed yet. No answer is held back longer than `delay_max`.
    pub fn new(delay_max: Duration) -> Self {
        Self { delay_max, addresses: Mutex::default() }
    }

    /// Counts a failed login, and tells how long to hold its answer back. `None` is this machine itself.
    pub fn count(&self, address: Option<IpAddr>, now: Instant) -> Duration {
        let address = network(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address) {
            let quiet = addresses.iter().min_by_key(|(_, failed)| failed.last).map(|(address, _)| *address);
            quiet.and_then(|quiet| addresses.remove(&quiet));
        }
        let failed = addresses.entry(address).or_insert(Failed { times: 0, last: now });
        if now.saturating_duration_since(failed.last) >= FORGOTTEN_AFTER {
            failed.times = 0;
        }
        failed.last = now;
        failed.times = failed.times.saturating_add(1);
        match failed.times.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(doublings) => {
                DELAY_MIN.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(self.delay_max)
            }
        }
    }
}

/// Whoever has an IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(2);

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn delays_double_and_end() {
        let (failures, now) = (Failures::new(MAX), Instant::now());
        for expected in [0, 0, 0, 100, 200, 400, 800, 1600, 2000, 2000] {
            assert_eq!(failures.count(address("10.0.0.1"), now).as_millis(), expected);
        }
        (0..100).for_each(|_| assert!(failures.count(address("10.0.0.1"), now) == MAX));
        // Other addresses begin at the beginning, and so does this one after a while.
        assert_eq!(failures.count(address("10.0.0.2"), now), Duration::ZERO);
        assert_eq!(failures.count(None, now), Duration::ZERO);
        assert_eq!(failures.count(address("10.0.0.1"), now + FORGOTTEN_AFTER), Duration::ZERO);
        let never = Failures::new(Duration::ZERO);
        (0..100).for_each(|_| assert_eq!(never.count(None, now), Duration::ZERO));
    }

    #[test]
    fn one_network_is_one_address() {
        let check = |left: &str, right: &str, same: bool| {
            assert_eq!(network(left.parse().unwrap()) == network(right.parse().unwrap()), same);
        };
        check("2001:db8::1", "2001:db8::2:3", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
        check("::ffff:10.0.0.1", "10.0.0.1", true);
        check("10.0.0.1", "10.0.0.2", false);
    }

    #[test]
    fn the_table_has_an_end() {
        let (failures, start) = (Failures::new(MAX), Instant::now());
        for number in 0..ADDRESSES_MAX as u32 + 10 {
            let now = start + Duration::from_micros(number.into());
            failures.count(Some(Ipv4Addr::from_bits(number).into()), now);
        }
        assert_eq!(failures.addresses.lock().unwrap().len(), ADDRESSES_MAX);
    }
}
