// SPDX-License-Identifier: MIT OR Apache-2.0
//! Topic Names and Topic Filters (3.1.1 §4.7, 5.0 §4.7 and §4.8).
#![forbid(unsafe_code)]

/// Whether `name` may be published to: 1 to 65,535 bytes, no wildcard, no U+0000.
pub fn is_name(name: &str) -> bool {
    is_sized(name) && !name.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0))
}

/// Whether `filter` may be subscribed to: wildcards stand alone in their level, `#` stands
/// last, and a shared subscription (`$share/name/filter`, 5.0 §4.8.2) has a name without
/// wildcards and a filter.
pub fn is_filter(filter: &str) -> bool {
    let filter = match filter.strip_prefix("$share/") {
        None => filter,
        Some(shared) => match shared.split_once('/') {
            Some((name, filter)) if is_name(name) => filter,
            _ => return false,
        },
    };
    if !is_sized(filter) {
        return false;
    }
    let mut last = false;
    levels(filter).all(|level| {
        let good = !last && (level.len() <= 1 || !level.iter().any(|byte| matches!(byte, b'+' | b'#')));
        last = level == b"#";
        good && !level.contains(&0)
    })
}

/// Whether `filter` asks for a shared subscription.
pub fn is_shared(filter: &str) -> bool {
    filter.starts_with("$share/")
}

/// The filter that topic names are matched against: what follows the share name of a shared
/// subscription, else all of it.
pub fn without_share(filter: &str) -> &str {
    match filter.strip_prefix("$share/") {
        Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
        None => filter,
    }
}

/// Whether `filter` matches the topic `name`. A shared subscription matches by its filter.
///
/// `+` matches one level, `#` the parent and everything below. A filter that starts with a
/// wildcard does not match a name that starts with `$` [MQTT-4.7.2-1]. Bytes are compared as
/// they are [MQTT-4.7.3-4].
pub fn matches(filter: &str, name: &str) -> bool {
    let filter = without_share(filter);
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut names = levels(name);
    for level in levels(filter) {
        if level == b"#" {
            return true;
        }
        match names.next() {
            Some(name) if level == b"+" || level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// The levels of a name or filter. Splitting `str` would reach a panic as far as a linker sees.
fn levels(text: &str) -> impl Iterator<Item = &[u8]> {
    text.as_bytes().split(|byte| *byte == b'/')
}

const fn is_sized(text: &str) -> bool {
    !text.is_empty() && text.len() <= 65_535
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn filters_match_as_the_standard_shows() {
        let tennis = "sport/tennis/player1";
        for (filter, name, expected) in [
            ("sport/tennis/player1/#", tennis, true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("#", tennis, true),
            ("sport/tennis/+", tennis, true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/broker", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/broker", true),
            ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
            ("$share/workers/a/+", "a/b", true),
            ("$share/workers/#", "$SYS/x", false),
            ("a", "A", false),
            ("a//b", "a//b", true),
            ("a/+/b", "a//b", true),
        ] {
            assert_eq!(matches(filter, name), expected, "{filter} {name}");
        }
    }

    #[test]
    fn names_and_filters_are_validated() {
        for good in ["/", "a", "a/b", "$SYS/x", "ü", " ", "a//"] {
            assert!(is_name(good) && is_filter(good), "{good}");
        }
        for bad in ["", "a\0b"] {
            assert!(!is_name(bad) && !is_filter(bad));
        }
        for filter in ["+", "#", "a/#", "+/a/+/#", "/+", "$share/g/#"] {
            assert!(is_filter(filter) && !is_name(filter), "{filter}");
        }
        let bad = ["a#", "a/#/b", "#/a", "a+/b", "++", "##", "a/b+"];
        let shared = ["$share/g", "$share//a", "$share/+/a", "$share/#/a", "$share/g/", "$share/"];
        for filter in bad.into_iter().chain(shared) {
            assert!(!is_filter(filter), "{filter}");
        }
        assert!(is_name(&"x".repeat(65_535)) && !is_name(&"x".repeat(65_536)));
    }

    /// The matcher, written the slow way over lists of levels.
    fn slow(filter: &[&str], name: &[&str]) -> bool {
        match (filter, name) {
            (["#"], _) => true,
            ([], []) => true,
            ([first, filter @ ..], [level, name @ ..]) => {
                (*first == "+" || first == level) && slow(filter, name)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn the_matcher_agrees_with_the_slow_one(
            filter in "(\\+|a|b|)(/(\\+|a|b|)){0,4}(/#)?",
            name in "(a|b|)(/(a|b|)){0,4}",
        ) {
            let levels: Vec<_> = filter.split('/').collect();
            let names: Vec<_> = name.split('/').collect();
            prop_assert_eq!(matches(&filter, &name), slow(&levels, &names));
        }

        #[test]
        fn arbitrary_text_never_panics(filter in ".{0,40}", name in ".{0,40}") {
            let _ = (is_filter(&filter), is_name(&name), matches(&filter, &name));
        }
    }
}
