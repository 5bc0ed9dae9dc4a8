// SPDX-License-Identifier: MIT OR Apache-2.0
//! The node's calls of its objects, with nothing borrowed.

use super::core::NodeRef;
use super::driver::Attachment;
use crate::table::Handle;
use crate::transport::DatagramEvent;

/// Polls an object once, and notes when next.
pub(super) fn poll(node: NodeRef, object: Handle) {
    let Some(attachment) = node.with(|core| core.schedule.attached(object)) else { return };
    // SAFETY: the object is attached, so it is alive; nothing of the node is borrowed.
    let more = unsafe { (attachment.driver.poll)(attachment.object) };
    if node.is_attached(object) {
        // SAFETY: still attached, so still alive.
        let deadline = unsafe { (attachment.driver.deadline)(attachment.object) };
        node.with(|core| core.schedule.polled(object, more, deadline));
    }
}

/// Brings an event to the owner of a datagram source, and has it polled afterwards; whether
/// there was one. For providers: nothing of the provider may be borrowed or touched after it.
pub(crate) fn deliver(node: NodeRef, source: Handle, event: DatagramEvent<'_>) -> bool {
    let Some((owner, attachment)) = owner(node, source) else { return false };
    // SAFETY: the object is attached, so it is alive; nothing of the node is borrowed.
    unsafe { (attachment.driver.datagram)(attachment.object, source, event) };
    node.touch(owner);
    true
}

/// Whom a source belongs to.
fn owner(node: NodeRef, source: Handle) -> Option<(Handle, Attachment)> {
    node.with(|core| {
        let owner = core.schedule.source(source)?.owner;
        core.schedule.attached(owner).map(|attachment| (owner, attachment))
    })
}

/// Tells the owner of a source that handles it by itself; whether there may be more.
pub(super) fn ready(node: NodeRef, source: Handle, writable: bool) -> bool {
    let Some((owner, attachment)) = owner(node, source) else { return false };
    // SAFETY: the object is attached, so it is alive; nothing of the node is borrowed.
    let more = unsafe { (attachment.driver.ready)(attachment.object, source, !writable, writable) };
    node.touch(owner);
    more
}
