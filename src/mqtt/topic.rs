// SPDX-License-Identifier: MIT OR Apache-2.0
//! Topic Names and Topic Filters (3.1.1 §4.7, 5.0 §4.7 and §4.8).
#![forbid(unsafe_code)]

/// Whether `name` may be published to: 1 to 65,535 bytes, no wildcard, no U+0000.
pub fn is_name(name: &str) -> bool {
    is_name_bytes(name.as_bytes())
}

#[cfg_attr(target_os = "none", inline(never))]
pub(super) fn is_name_bytes(name: &[u8]) -> bool {
    is_sized(name) && without(name, |byte| matches!(byte, b'+' | b'#' | 0))
}

/// Whether no byte is `bad`. Large machines tell many bytes at a time by a loop without branches.
pub(super) fn without(bytes: &[u8], bad: impl Fn(u8) -> bool) -> bool {
    if cfg!(not(target_os = "none")) {
        !bytes.iter().fold(false, |found, byte| found | bad(*byte))
    } else {
        !bytes.iter().any(|byte| bad(*byte))
    }
}

/// Whether `filter` may be subscribed to: wildcards stand alone in their level, `#` stands
/// last, and a shared subscription (`$share/name/filter`, 5.0 §4.8.2) has a name without
/// wildcards and a filter.
pub fn is_filter(filter: &str) -> bool {
    is_filter_bytes(filter.as_bytes())
}

pub(super) fn is_filter_bytes(all: &[u8]) -> bool {
    let rest = unshared(all);
    // What is left of the share name, less the `/` behind it, which must be there.
    if let Some(length) = (all.len() - rest.len()).checked_sub(SHARE.len())
        && !is_name_bytes(all.get(SHARE.len()..SHARE.len() + length.saturating_sub(1)).unwrap_or_default())
    {
        return false;
    }
    // The byte before; the front counts as a `/`.
    let mut before = b'/';
    for byte in rest.iter().copied() {
        let wildcard = matches!(byte, b'+' | b'#');
        // Nothing follows `#`, only `/` follows `+`, and a wildcard follows `/` only.
        if byte == 0 || before == b'#' || (before == b'+' && byte != b'/') || (wildcard && before != b'/') {
            return false;
        }
        before = byte;
    }
    is_sized(rest)
}

const SHARE: &[u8] = b"$share/";

/// Whether `filter` asks for a shared subscription.
pub fn is_shared(filter: &str) -> bool {
    is_shared_bytes(filter.as_bytes())
}

pub(super) fn is_shared_bytes(filter: &[u8]) -> bool {
    filter.starts_with(SHARE)
}

/// Whether `filter` has a wildcard; in the name of a share there is none.
pub fn has_wildcard(filter: &str) -> bool {
    has_wildcard_bytes(filter.as_bytes())
}

#[cfg_attr(target_os = "none", inline(never))]
pub(super) fn has_wildcard_bytes(filter: &[u8]) -> bool {
    !without(filter, |byte| matches!(byte, b'+' | b'#'))
}

/// The filter that topic names are matched against: what follows the share name of a shared
/// subscription, else all of it.
pub fn without_share(filter: &str) -> &str {
    let start = filter.len() - unshared(filter.as_bytes()).len();
    filter.get(start..).unwrap_or_default()
}

#[cfg_attr(target_os = "none", inline(never))]
fn unshared(filter: &[u8]) -> &[u8] {
    if !is_shared_bytes(filter) {
        return filter;
    }
    let mut rest = filter.get(SHARE.len()..).unwrap_or_default();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte == b'/' {
            break;
        }
    }
    rest
}

/// Whether `filter` matches the topic `name`. A shared subscription matches by its filter.
///
/// `+` matches one level, `#` the parent and everything below. A filter that starts with a
/// wildcard does not match a name that starts with `$` [MQTT-4.7.2-1]. Bytes are compared as
/// they are [MQTT-4.7.3-4].
pub fn matches(filter: &str, name: &str) -> bool {
    matches_bytes(filter.as_bytes(), name.as_bytes())
}

pub(super) fn matches_bytes(filter: &[u8], name: &[u8]) -> bool {
    let filter = unshared(filter);
    if name.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
        return false;
    }
    let (mut filter, mut name) = (filter.iter(), name.iter());
    while let Some(wanted) = filter.next() {
        if *wanted == b'#' {
            return true;
        }
        if *wanted == b'+' {
            while name.as_slice().first().is_some_and(|byte| *byte != b'/') {
                name.next();
            }
        } else {
            match name.next() {
                Some(byte) if byte == wanted => {}
                // `a/#` matches the parent `a` too.
                None => return *wanted == b'/' && filter.as_slice() == b"#",
                _ => return false,
            }
        }
    }
    name.as_slice().is_empty()
}

const fn is_sized(text: &[u8]) -> bool {
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

    /// The rule for filters, written the slow way over levels.
    fn slow_filter(filter: &str) -> bool {
        let levels: Vec<_> = filter.split('/').collect();
        let (last, front) = levels.split_last().unwrap();
        let good = |level: &&str| *level == "+" || !level.contains(['+', '#', '\0']);
        !filter.is_empty() && front.iter().all(good) && (*last == "#" || good(last))
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
        fn filters_are_checked_as_the_slow_way_does(filter in "(\\+|#|a|/|\0){0,7}", group in "[a+#]{0,2}") {
            prop_assert_eq!(is_filter(&filter), slow_filter(&filter), "{}", filter);
            let shared = format!("$share/{group}/{filter}");
            let expected = slow_filter(&filter) && is_name(&group);
            prop_assert_eq!(is_filter(&shared), expected, "{}", shared);
        }

        #[test]
        fn arbitrary_text_never_panics(filter in ".{0,40}", name in ".{0,40}") {
            let _ = (is_filter(&filter), is_name(&name), matches(&filter, &name));
        }
    }
}
