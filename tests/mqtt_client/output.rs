// SPDX-License-Identifier: MIT OR Apache-2.0
//! How packets leave: which writes they share, and what goes first.

use super::*;

/// A single message leaves in a write of its own at the next poll; of many, each write carries as many as there is room for.
#[test]
fn one_message_leaves_at_once_and_many_leave_together() {
    for version in BOTH {
        let mut rig = Rig::new(Config { output_bytes: 4096, ..config(version) }).connected();
        rig.sent();
        for _ in 0..10 {
            rig.wire.writes = 0;
            rig.publish("a", 0, b"x");
            assert_eq!((rig.wire.writes, rig.sent().len()), (1, 1));
        }
        rig.wire.writes = 0;
        let publication = Publication { topic: "a", qos: 0, payload: &[7; 64], ..Publication::default() };
        for _ in 0..1000 {
            assert_eq!(rig.with(|client, cx| client.publish(cx, &publication)), Ok(None));
        }
        rig.poll();
        let bytes = rig.wire.out.len();
        assert_eq!(rig.sent().len(), 1000);
        // One write for each fill of the room, and one for what is left.
        assert!(rig.wire.writes <= bytes / (4096 - 100) + 1, "{} for {bytes}", rig.wire.writes);
    }
}

/// Nothing comes into the midst of a message, and nothing waits longer than that.
#[test]
fn an_answer_leaves_right_behind_the_message_that_was_under_way() {
    for version in BOTH {
        for qos in [0, 1] {
            let mut rig = Rig::new(config(version)).connected();
            rig.wire.window = 100;
            rig.publish("a", qos, &[0; 1500]);
            rig.deliver("t", 1, 5, false, b"down");
            rig.subscribe("a", 0, 1);
            rig.wire.window = usize::MAX;
            rig.tell(StreamEvent::Writable);
            assert_eq!(types(&rig.sent()), [3, 4, 8], "{version:?} {qos}");
        }
    }
}
