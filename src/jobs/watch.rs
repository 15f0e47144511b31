//! Looks whether the scheduler lives, from outside of it. It must not know what the scheduler runs.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::clock::Clock;
use crate::notify::{Event, Notifier};
use crate::scheduler::{HEARTBEAT, Scheduler};

/// A scheduler that has been silent for longer is dead...
const SILENCE: TimeDelta = TimeDelta::minutes(3);
/// ...when so many looks in a row have found the same last sign of life: a clock that jumps makes silences, too.
const LOOKS: u32 = 4;

/// Looks until `stop`, and tells once of each death; the scheduler is marked as long as it lasts.
pub async fn watch(scheduler: Scheduler, notifier: Notifier, clock: Clock, stop: CancellationToken) {
    let mut silence = Silence::default();
    let between = TimeDelta::from_std(HEARTBEAT).expect("it is short");
    while !stop.is_cancelled() {
        let (now, heartbeat) = (clock.now(), scheduler.heartbeat());
        metrics::gauge!("lakefront_scheduler_heartbeat").set(heartbeat.timestamp() as f64);
        match silence.look(heartbeat, now) {
            Found::Nothing => {}
            Found::Dead => {
                scheduler.note_dead(true);
                error!(%heartbeat, "the scheduler does not look at its jobs any more: restart the server");
                notifier.tell(Event::SchedulerDead { heartbeat });
            }
            Found::Alive => {
                scheduler.note_dead(false);
                info!("the scheduler lives again");
            }
        }
        let _ = stop.run_until_cancelled(clock.until(now + between)).await;
    }
}

/// What was seen of the scheduler.
#[derive(Debug, Default)]
struct Silence {
    last: Option<DateTime<Utc>>,
    /// Looks that found the same last sign of life.
    looks: u32,
    told: bool,
}

/// What a look has found that was not known before.
#[derive(Debug, PartialEq)]
enum Found {
    Nothing,
    Dead,
    Alive,
}

impl Silence {
    fn look(&mut self, heartbeat: DateTime<Utc>, now: DateTime<Utc>) -> Found {
        if self.last != Some(heartbeat) {
            let was_dead = std::mem::take(&mut self.told);
            (self.last, self.looks) = (Some(heartbeat), 1);
            return if was_dead { Found::Alive } else { Found::Nothing };
        }
        self.looks = self.looks.saturating_add(1);
        if self.told || self.looks < LOOKS || now - heartbeat <= SILENCE {
            return Found::Nothing;
        }
        self.told = true;
        Found::Dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scheduler_that_does_not_run_is_marked_until_it_does() {
        let clock = Clock::fixed(DateTime::UNIX_EPOCH);
        let scheduler = Scheduler::new(clock.clone(), 1);
        let notifier = Notifier::new(&[], clock.clone()).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(watch(scheduler.clone(), notifier, clock.clone(), stop.clone()));
        // Each look waits for the clock, so it is put on until enough of them have come.
        let until = async |is_dead: bool| {
            while scheduler.is_dead() != is_dead {
                clock.set(clock.now() + TimeDelta::from_std(HEARTBEAT).unwrap());
                tokio::task::yield_now().await;
            }
        };
        assert!(!scheduler.is_dead());
        until(true).await;
        assert!(clock.now() - scheduler.heartbeat() > SILENCE);
        let running = tokio::spawn({
            let (scheduler, stop) = (scheduler.clone(), stop.clone());
            async move { scheduler.run(stop).await }
        });
        until(false).await;
        stop.cancel();
        running.await.unwrap();
    }

    #[test]
    fn a_silence_is_told_once() {
        let check = |beats_and_looks: &[(i64, i64)], expected: &[(i64, Found)]| {
            let at = |seconds: i64| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            let mut silence = Silence::default();
            let found: Vec<(i64, Found)> = beats_and_looks
                .iter()
                .map(|(beat, now)| (*now, silence.look(at(*beat), at(*now))))
                .filter(|(_, found)| *found != Found::Nothing)
                .collect();
            assert_eq!(found, expected, "{beats_and_looks:?}");
        };
        let beating: Vec<(i64, i64)> = (0..100).map(|look| (look * 30, look * 30)).collect();
        check(&beating, &[]);
        let dead: Vec<(i64, i64)> = (0..100).map(|look| (0, look * 30)).collect();
        check(&dead, &[(210, Found::Dead)]);
        // The clock jumps, and the scheduler wakes a moment later than the look.
        check(&[(0, 0), (0, 36_000), (36_000, 36_030), (36_030, 36_060)], &[]);
        let mut revived = dead;
        revived.extend([(3_000, 3_000), (3_000, 3_030), (3_030, 3_060)]);
        check(&revived, &[(210, Found::Dead), (3_000, Found::Alive)]);
    }
}
