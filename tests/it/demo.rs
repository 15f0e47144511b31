//! `lakefront demo` on a terminal: it shows how far it is, and says when it is done.

use std::io::Read;
use std::process::{Command, Stdio};

use tempfile::TempDir;

#[test]
fn the_demo_shows_how_far_it_is() {
    let directory = TempDir::new().unwrap();
    // The shell tells its number, and becomes the demo.
    let demo = format!(
        "echo $$; exec {} demo --dir {} --days 2 --listen 127.0.0.1:0 --console 127.0.0.1:0",
        env!("CARGO_BIN_EXE_lakefront"),
        directory.path().join("demo").display()
    );
    let terminal = Command::new("script")
        .args(["-qfec", &demo, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut terminal) = terminal else {
        println!("left out: there is no program `script`, which makes terminals");
        return;
    };
    let mut screen = terminal.stdout.take().unwrap();
    let (mut shown, mut bytes) = (String::new(), [0; 4096]);
    while !shown.contains(" days in ") {
        let count = screen.read(&mut bytes).unwrap();
        assert!(count > 0, "it has ended: {shown}");
        shown += &String::from_utf8_lossy(&bytes[..count]);
    }
    let id = shown.lines().next().unwrap().trim();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    // It says more until it has ended.
    let mut rest = vec![];
    screen.read_to_end(&mut rest).unwrap();
    assert!(terminal.wait().unwrap().success());

    // What was done, and what there was to do, in the order in which it was shown.
    let bars = shown.split("publishing the views ").skip(1).filter_map(|bar| {
        let (bar, _) = bar.split_once(" days")?;
        let (done, of) = bar.rsplit_once(" of ")?;
        let number = |text: &str| text.rsplit(' ').next().unwrap().parse::<u64>().ok();
        Some((number(done)?, number(of)?))
    });
    let bars: Vec<(u64, u64)> = bars.collect();
    assert!(bars.iter().any(|(_, of)| *of > 0), "{shown}");
    assert!(bars.iter().all(|(done, of)| done <= of), "{bars:?}");
    assert!(bars.is_sorted_by_key(|(done, _)| *done), "{bars:?}");
    let told = shown.split("The views are up to date: ").nth(1).unwrap();
    let done: u64 = told.split(' ').next().unwrap().parse().unwrap();
    assert!(done > 0 && bars.iter().all(|(shown, _)| *shown <= done), "{done} days, {bars:?}");
}
