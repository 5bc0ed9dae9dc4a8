// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `mote-mqtt-bench` does, with rumqttc: one publisher with a window, one subscriber, both event loops on one
//! thread, which is the faster way for it (its synchronous client is a thread around the same loop).
//!
//! `mote-bench-mqtt PORT QOS COUNT BYTES WINDOW`

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, NetworkOptions, Outgoing, Packet, QoS,
};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

const TOPIC: &str = "mote/bench";

struct Load {
    qos: QoS,
    count: u64,
    size: usize,
    window: u64,
    /// When the subscription had been made, and so the publisher began.
    began: Cell<Option<Instant>>,
    got: Cell<u64>,
    /// How long each message took, in nanoseconds; times are counted from the start of the program.
    took: RefCell<Vec<u64>>,
    start: Instant,
}

impl Load {
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}

fn client(name: &str, port: u16, window: u64) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(format!("{name}-{}", std::process::id()), "127.0.0.1", port);
    options.set_clean_session(true).set_inflight(window as u16).set_keep_alive(Duration::from_secs(60));
    let (client, mut events) = AsyncClient::new(options, window as usize);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    (client, events)
}

/// Receives until all has come.
async fn subscribe(load: &Load, client: AsyncClient, mut events: EventLoop) -> Result<(), ConnectionError> {
    client.try_subscribe(TOPIC, load.qos).expect("room for one request");
    let mut released = 0;
    // With QoS 2 a message has ended when it was released.
    while load.got.get() < load.count || (load.qos == QoS::ExactlyOnce && released < load.count) {
        match events.poll().await? {
            Event::Incoming(Packet::SubAck(_)) => load.began.set(Some(Instant::now())),
            Event::Incoming(Packet::Publish(message)) => {
                let began = message.payload.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
                load.took.borrow_mut().push(load.now() - began);
                load.got.set(load.got.get() + 1);
            }
            Event::Outgoing(Outgoing::PubComp(_)) => released += 1,
            _ => {}
        }
    }
    Ok(())
}

/// Publishes, a window of messages under way at a time; how many have ended.
async fn publish(load: &Load, client: AsyncClient, mut events: EventLoop) -> Result<u64, ConnectionError> {
    while load.began.get().is_none() {
        // Connects meanwhile; there is nothing else to come.
        let _ = tokio::time::timeout(Duration::from_millis(1), events.poll()).await;
    }
    let (mut sent, mut done) = (0, 0);
    while done < load.count {
        while sent < load.count && sent - done < load.window {
            let mut payload = vec![0; load.size];
            payload[..8].copy_from_slice(&load.now().to_ne_bytes());
            if client.try_publish(TOPIC, load.qos, false, payload).is_err() {
                break;
            }
            sent += 1;
        }
        match events.poll().await? {
            Event::Outgoing(Outgoing::Publish(_)) if load.qos == QoS::AtMostOnce => done += 1,
            Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_)) => done += 1,
            _ => {}
        }
    }
    // What is written last has left when the loop is asked once more.
    while load.got.get() < load.count {
        let _ = tokio::time::timeout(Duration::from_millis(1), events.poll()).await;
    }
    Ok(done)
}

/// User and system time of this process, in seconds.
fn processor_time() -> f64 {
    // SAFETY: plain integers, all of which the call writes.
    let used = unsafe {
        let mut used = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut used);
        used
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(used.ru_utime) + seconds(used.ru_stime)
}

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [port, qos, count, size, window] = arguments[..] else {
        panic!("mote-bench-mqtt PORT QOS COUNT BYTES WINDOW");
    };
    let load = Load {
        qos: rumqttc::qos(qos as u8).expect("QoS 0 to 2"),
        count,
        // The time that it carries takes eight bytes.
        size: size.max(8) as usize,
        window,
        began: Cell::new(None),
        got: Cell::new(0),
        took: RefCell::new(Vec::with_capacity(count as usize)),
        start: Instant::now(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (publisher, publisher_events) = client("publisher", port as u16, window);
    let (subscriber, subscriber_events) = client("subscriber", port as u16, window);
    let (received, published) = runtime.block_on(async {
        tokio::join!(
            subscribe(&load, subscriber, subscriber_events),
            publish(&load, publisher, publisher_events)
        )
    });
    received.expect("the subscriber's connection");
    let done = published.expect("the publisher's connection");
    let seconds = load.began.get().expect("subscribed").elapsed().as_secs_f64();
    let each = processor_time() * 1e6 / (done + load.got.get()) as f64;
    let mut took = load.took.take();
    took.sort_unstable();
    let share = |percent: usize| took[took.len() * percent / 100] / 1000;
    let rate = count as f64 / seconds;
    print!("{rate:.0} messages/s, cpu {each:.3} us per message published or received");
    println!(", latency 50% {} us 99% {} us", share(50), share(99));
}
