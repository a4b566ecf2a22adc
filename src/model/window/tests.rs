use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn schedule(days: &[&str], from: &str, to: &str, tz: &str) -> Schedule {
    let days = days.iter().fold(Days::NONE, |days, day| days.with(day).unwrap());
    Schedule::new(days, from.parse().unwrap(), to.parse().unwrap(), TimeZone::get(tz).unwrap()).unwrap()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

#[test]
fn a_window_opens_and_closes_by_the_clock_on_the_wall() {
    let sunday = Window::Weekly(schedule(&["sun"], "02:00", "05:00", "Europe/Berlin"));
    // 2026-11-24 is a Tuesday; in winter Berlin is an hour ahead.
    let now = at("2026-11-24T08:00:00Z");
    assert!(!sunday.is_open(now));
    assert_eq!(sunday.closes(now), None);
    let opens = sunday.next_open(now).unwrap();
    assert_eq!(opens, at("2026-11-29T01:00:00Z"));
    assert!(sunday.is_open(opens));
    assert_eq!(sunday.closes(opens), Some(at("2026-11-29T04:00:00Z")));
    assert_eq!(sunday.told(), "Sunday 02:00–05:00 Europe/Berlin");
}

#[test]
fn a_window_over_midnight_ends_on_the_next_day() {
    let night = Window::Weekly(schedule(&["fri"], "22:00", "04:00", "UTC"));
    assert!(night.is_open(at("2026-11-28T03:59:59Z")));
    assert!(!night.is_open(at("2026-11-28T04:00:00Z")));
    assert!(!night.is_open(at("2026-11-27T03:00:00Z")));
    assert_eq!(night.next_open(at("2026-11-28T04:00:00Z")), Some(at("2026-12-04T22:00:00Z")));
}

#[test]
fn a_window_survives_the_change_of_the_clock() {
    // Berlin skips 02:00–03:00 on 2026-03-29 and has 02:00–03:00 twice on 2026-10-25.
    let whole = schedule(&["sun"], "02:00", "05:00", "Europe/Berlin");
    let spring = at("2026-03-28T12:00:00Z");
    assert_eq!(whole.next_begin(spring), Some(at("2026-03-29T01:00:00Z")));
    assert_eq!(whole.end(at("2026-03-29T01:00:00Z")), Some(at("2026-03-29T03:00:00Z")));
    let skipped = schedule(&["sun"], "02:15", "02:45", "Europe/Berlin");
    let begin = skipped.next_begin(spring).unwrap();
    assert_eq!(begin, at("2026-03-29T01:15:00Z"));
    assert_eq!(skipped.end(begin), Some(begin + SignedDuration::from_mins(30)));
    let half = schedule(&["sun"], "02:30", "03:00", "Europe/Berlin");
    let begin = half.next_begin(spring).unwrap();
    assert_eq!(half.end(begin), Some(begin + SignedDuration::from_mins(30)));
    let autumn = whole.next_begin(at("2026-10-24T12:00:00Z")).unwrap();
    assert_eq!((autumn, whole.end(autumn)), (at("2026-10-25T00:00:00Z"), Some(at("2026-10-25T04:00:00Z"))));
}

#[test]
fn a_freeze_of_whole_days_is_one_span() {
    let freeze = schedule(&["fri", "sat", "sun"], "00:00", "24:00", "Europe/Berlin");
    let friday = at("2026-11-27T08:00:00Z");
    assert_eq!(freeze.end(friday), Some(at("2026-11-29T23:00:00Z")));
    assert_eq!(freeze.told(), "Friday, Saturday, Sunday Europe/Berlin");
    let always = schedule(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "00:00", "24:00", "UTC");
    assert_eq!((always.holds(friday), always.end(friday)), (true, None));
}

#[test]
fn a_freeze_within_dates_ends_for_good() {
    let all = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let date = |text: &str| text.parse().unwrap();
    let year_end = schedule(&all, "00:00", "24:00", "UTC").within(date("2026-12-20"), date("2027-01-05")).unwrap();
    assert_eq!(year_end.next_begin(at("2026-06-01T00:00:00Z")), Some(at("2026-12-20T00:00:00Z")));
    assert_eq!(year_end.end(at("2026-12-24T00:00:00Z")), Some(at("2027-01-06T00:00:00Z")));
    assert_eq!(year_end.next_begin(at("2027-01-06T00:00:00Z")), None);
    let sundays = schedule(&["sun"], "00:00", "24:00", "UTC");
    assert!(sundays.clone().within(date("2026-11-23"), date("2026-11-28")).is_err());
    assert!(sundays.within(date("2027-01-05"), date("2026-12-20")).unwrap_err().contains("before it begins"));
}

#[test]
fn freezes_move_the_next_start() {
    let freeze = |schedule| Freeze { schedule, selector: Selector::everything(), why: None };
    let weekend = freeze(schedule(&["fri", "sat", "sun"], "00:00", "24:00", "UTC"));
    let friday = at("2026-11-27T08:00:00Z");
    assert_eq!(Window::Any.next_allowed(&[&weekend], friday), Some(at("2026-11-30T00:00:00Z")));
    let sunday = Window::Weekly(schedule(&["sun"], "02:00", "05:00", "UTC"));
    assert_eq!(sunday.next_allowed(&[&weekend], friday), None, "the freeze covers the whole window, every week");
    assert_eq!(sunday.next_allowed(&[], friday), Some(at("2026-11-29T02:00:00Z")));
    let always = freeze(schedule(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "00:00", "24:00", "UTC"));
    assert_eq!(Window::Any.next_allowed(&[&always], friday), None);
}

#[test]
fn what_never_holds_is_refused() {
    let new =
        |days, from: &str, to: &str| Schedule::new(days, from.parse().unwrap(), to.parse().unwrap(), TimeZone::UTC);
    assert!(new(Days::NONE, "02:00", "05:00").unwrap_err().contains("no day"));
    assert!(new(Days::ALL, "02:00", "02:00").unwrap_err().contains("begins and ends at 02:00"));
    assert!(new(Days::ALL, "24:00", "02:00").is_err());
    assert_eq!(Days::NONE.with("sunn").unwrap_err(), "did you mean `sun`?");
    for wrong in ["2", "25:00", "24:01", "02:60", "2:0", "-1:00", "02:00:00", "é:00"] {
        assert!(wrong.parse::<Hour>().is_err(), "{wrong}");
    }
}

#[test]
fn a_window_can_be_saved() {
    let window = Window::Weekly(schedule(&["sun"], "22:00", "05:00", "Europe/Berlin"));
    let saved = serde_json::to_string(&window).unwrap();
    assert_eq!(serde_json::from_str::<Window>(&saved).unwrap(), window);
}

proptest! {
    #[test]
    fn the_next_opening_is_open(
        days in 1u8..128, from in 0u16..1440, length in 1u16..1440, zone in 0usize..4, second in 0i64..4_000_000_000,
    ) {
        let names = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"];
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .iter().enumerate().filter(|(index, _)| days & (1 << index) != 0)
            .fold(Days::NONE, |days, (_, name)| days.with(name).unwrap());
        let hour = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60).parse::<Hour>().unwrap();
        let to = (from + length) % 1440;
        let schedule = Schedule::new(days, hour(from), hour(to), TimeZone::get(names[zone]).unwrap()).unwrap();
        let window = Window::Weekly(schedule);
        let now = Timestamp::from_second(second).unwrap();
        let open = window.next_open(now).unwrap();
        prop_assert!(open >= now && window.is_open(open));
        prop_assert!(open == now || !window.is_open(open - SignedDuration::from_secs(1)));
        if let Some(close) = window.closes(open) {
            prop_assert!(close > open && !window.is_open(close) && window.is_open(close - SignedDuration::from_secs(1)));
        }
    }

    #[test]
    fn no_hour_panics(text in ".{0,8}") {
        _ = text.parse::<Hour>();
    }
}
