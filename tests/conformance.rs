// SPDX-License-Identifier: MIT OR Apache-2.0
//! The conformance tables: complete, and naming tests that exist.

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    read_to_string(root(path)).unwrap()
}

/// The functions marked as tests in the Rust files of a folder, those inside `proptest!` too.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read_to_string(&path).unwrap();
            let marked = text.split("#[test]").skip(1);
            found.extend(
                marked.filter_map(|rest| Some(rest.split("fn ").nth(1)?.split('(').next()?.to_owned())),
            );
        }
    }
}

/// The statements of a table, each a row whose first cell starts with `standard`; those that
/// no test shows say why with one of `reasons`, or with `omitted: ` and words. Also how many are shown.
fn statements(table: &str, standard: &str, reasons: &[&str]) -> (BTreeSet<String>, usize) {
    let mut known = BTreeSet::new();
    tests_in(&root("tests"), &mut known);
    tests_in(&root("src"), &mut known);
    let (mut listed, mut shown) = (BTreeSet::new(), 0);
    for line in read(table).lines().filter(|line| line.starts_with(&format!("| {standard}"))) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, first, statement, by, _] = cells[..] else { panic!("{line}") };
        assert!(listed.insert(format!("{first} {statement}")), "{statement} twice");
        if reasons.contains(&by.trim_matches('`')) || by.starts_with("omitted: ") {
            continue;
        }
        shown += 1;
        for name in by.split(", ") {
            assert!(known.contains(name.trim_matches('`')), "{first} {statement}: no test {name}");
        }
    }
    (listed, shown)
}

#[test]
fn every_statement_of_mqtt_is_listed_with_tests_that_exist() {
    let (mut listed, shown) = statements("tests/mqtt_conformance.md", "3.1.1", &["server", "transport"]);
    let (others, more) = statements("tests/mqtt_conformance.md", "5.0", &["server", "transport"]);
    listed.extend(others);
    let all: BTreeSet<String> = read("tests/mqtt_statements.txt").lines().map(str::to_owned).collect();
    assert_eq!(listed, all);
    assert!(shown + more > 200, "{shown} {more}");
}

#[test]
fn the_statements_of_coap_are_listed_with_tests_that_exist() {
    let (listed, shown) = statements("tests/coap_conformance.md", "RFC", &["application", "omitted"]);
    assert!(shown > 80 && listed.len() - shown < 16, "{shown} of {}", listed.len());
}

#[test]
fn the_statements_of_the_mesh_are_listed_with_tests_that_exist() {
    for (standard, most, few) in [
        ("RFC 4443", 25, 1),
        ("RFC 4861", 12, 5),
        ("RFC 4944", 21, 2),
        ("RFC 6206", 9, 0),
        ("RFC 6282", 25, 0),
        ("RFC 6550", 57, 11),
        ("RFC 6551", 6, 1),
        ("RFC 6552", 8, 2),
        ("RFC 6553", 8, 0),
        ("RFC 6554", 12, 0),
        ("RFC 6719", 17, 2),
        ("RFC 6775", 28, 5),
        ("RFC 7400", 9, 1),
        ("RFC 8138", 18, 1),
        ("RFC 8505", 14, 4),
        ("RFC 9008", 8, 0),
    ] {
        let (listed, shown) = statements("tests/mesh_conformance.md", standard, &["application"]);
        let left = listed.len() - shown;
        assert!(shown >= most && left <= few, "{standard}: {shown} shown, {left} not");
    }
}
