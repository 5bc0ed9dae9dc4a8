/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* mote: everything between a constrained device's radio and its application.
 *
 * Generated from src/ffi and src/port by ci/header.sh; edit it there.
 *
 * What is here: first all constants, then all types, then all functions, and in each part together what belongs together.
 *   mote_node_...                the loop that drives everything else: begin with mote_node_init and mote_node_run
 *   mote_coap_...                CoAP endpoints, client and server in one
 *   mote_mqtt_...                MQTT clients
 *   mote_mesh_...                nodes of a mesh: IEEE 802.15.4, 6LoWPAN, IPv6 and RPL
 *   mote_lookup_...              host names to addresses
 *   mote_address_..., mote_status_str, mote_version
 *   mote_port_..., mote_radio_... for ports: the system below a node, as tables of functions, and how its radio reports
 *   mote_sim_..., mote_air_...   simulated networks, in hosted builds alone
 * The file is the same for every build. A function whose feature was left out of a build is missing when it is linked;
 * what a function would need of another such feature is MOTE_ERR_UNSUPPORTED. Requests of ours need the feature coap-client,
 * resources coap-server, what takes or makes a URI coap-uri, links coap-link, problem details coap-problem; MQTT needs mqtt-v3 or
 * mqtt-v5, the mesh rpl-storing or rpl-non-storing. Where more is needed it is said.
 *
 * Rules that hold throughout:
 * - A function that can fail returns a mote_status: 0, or one of the negative MOTE_ERR_... numbers.
 * - Outputs come last and are written only on success. NULL where something is needed is MOTE_ERR_INVALID.
 * - Every other pointer is valid. That to an object came from its init; it may be used after the object was closed, which is
 *   MOTE_ERR_STALE, until its memory serves for something else.
 * - Objects live in memory that the caller hands over; nothing is allocated.
 * - Configurations start with their size; zero means the default. Initialise them with the MOTE_..._INIT macros.
 * - What was started ends exactly once, by one last event to its callback, also when its object is closed.
 * - What a callback is lent is valid until it returns. A callback may call any function, on any object, but for
 *   mote_node_run, mote_node_poll and mote_node_close of the node that is being driven, which are MOTE_ERR_STATE.
 * - Time is in milliseconds. UINT64_MAX means no deadline.
 * - One thread at a time drives a node and calls the functions of everything on it. "Any thread", "any interrupt" say where that
 *   is not needed.
 */

#ifndef MOTE_H
#define MOTE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Room that suffices for any address as text.
 */
#define MOTE_ADDRESS_TEXT 64

/**
 * Nodes in a square grid, 10 m apart; the first is in a corner.
 */
#define MOTE_AIR_GRID 0

/**
 * Nodes in a line, 10 m apart; the first is at an end.
 */
#define MOTE_AIR_LINE 1

/**
 * Nodes at random; the first is in the middle.
 */
#define MOTE_AIR_RANDOM 2

/**
 * No node hears any other until `mote_air_set_link` says so.
 */
#define MOTE_AIR_UNLINKED 3

/**
 * Method GET (RFC 7252 section 5.8.1).
 */
#define MOTE_COAP_GET 1

/**
 * Method POST.
 */
#define MOTE_COAP_POST 2

/**
 * Method PUT.
 */
#define MOTE_COAP_PUT 3

/**
 * Method DELETE.
 */
#define MOTE_COAP_DELETE 4

/**
 * Method FETCH (RFC 8132 section 2).
 */
#define MOTE_COAP_FETCH 5

/**
 * Method PATCH (RFC 8132 section 3).
 */
#define MOTE_COAP_PATCH 6

/**
 * Method iPATCH (RFC 8132 section 3).
 */
#define MOTE_COAP_IPATCH 7

/**
 * 2.01 Created. A code's class is its upper three bits, its detail the lower five.
 */
#define MOTE_COAP_CREATED 65

/**
 * 2.02 Deleted.
 */
#define MOTE_COAP_DELETED 66

/**
 * 2.03 Valid.
 */
#define MOTE_COAP_VALID 67

/**
 * 2.04 Changed.
 */
#define MOTE_COAP_CHANGED 68

/**
 * 2.05 Content.
 */
#define MOTE_COAP_CONTENT 69

/**
 * 2.31 Continue (RFC 7959 section 2.9.1).
 */
#define MOTE_COAP_CONTINUE 95

/**
 * 4.00 Bad Request.
 */
#define MOTE_COAP_BAD_REQUEST 128

/**
 * 4.01 Unauthorized.
 */
#define MOTE_COAP_UNAUTHORIZED 129

/**
 * 4.02 Bad Option.
 */
#define MOTE_COAP_BAD_OPTION 130

/**
 * 4.03 Forbidden.
 */
#define MOTE_COAP_FORBIDDEN 131

/**
 * 4.04 Not Found.
 */
#define MOTE_COAP_NOT_FOUND 132

/**
 * 4.05 Method Not Allowed.
 */
#define MOTE_COAP_METHOD_NOT_ALLOWED 133

/**
 * 4.06 Not Acceptable.
 */
#define MOTE_COAP_NOT_ACCEPTABLE 134

/**
 * 4.08 Request Entity Incomplete (RFC 7959 section 2.9.2).
 */
#define MOTE_COAP_REQUEST_ENTITY_INCOMPLETE 136

/**
 * 4.09 Conflict (RFC 8132 section 6).
 */
#define MOTE_COAP_CONFLICT 137

/**
 * 4.12 Precondition Failed.
 */
#define MOTE_COAP_PRECONDITION_FAILED 140

/**
 * 4.13 Request Entity Too Large.
 */
#define MOTE_COAP_REQUEST_ENTITY_TOO_LARGE 141

/**
 * 4.15 Unsupported Content-Format.
 */
#define MOTE_COAP_UNSUPPORTED_CONTENT_FORMAT 143

/**
 * 4.22 Unprocessable Entity (RFC 8132 section 6).
 */
#define MOTE_COAP_UNPROCESSABLE_ENTITY 150

/**
 * 4.29 Too Many Requests (RFC 8516).
 */
#define MOTE_COAP_TOO_MANY_REQUESTS 157

/**
 * 5.00 Internal Server Error.
 */
#define MOTE_COAP_INTERNAL_SERVER_ERROR 160

/**
 * 5.01 Not Implemented.
 */
#define MOTE_COAP_NOT_IMPLEMENTED 161

/**
 * 5.02 Bad Gateway.
 */
#define MOTE_COAP_BAD_GATEWAY 162

/**
 * 5.03 Service Unavailable.
 */
#define MOTE_COAP_SERVICE_UNAVAILABLE 163

/**
 * 5.04 Gateway Timeout.
 */
#define MOTE_COAP_GATEWAY_TIMEOUT 164

/**
 * 5.05 Proxying Not Supported.
 */
#define MOTE_COAP_PROXYING_NOT_SUPPORTED 165

/**
 * 5.08 Hop Limit Reached (RFC 8768 section 3).
 */
#define MOTE_COAP_HOP_LIMIT_REACHED 168

/**
 * Option If-Match (RFC 7252 section 5.10.8.1).
 */
#define MOTE_COAP_IF_MATCH 1

/**
 * Option Uri-Host.
 */
#define MOTE_COAP_URI_HOST 3

/**
 * Option ETag.
 */
#define MOTE_COAP_ETAG 4

/**
 * Option If-None-Match.
 */
#define MOTE_COAP_IF_NONE_MATCH 5

/**
 * Option Observe (RFC 7641 section 2).
 */
#define MOTE_COAP_OBSERVE 6

/**
 * Option Uri-Port.
 */
#define MOTE_COAP_URI_PORT 7

/**
 * Option Location-Path.
 */
#define MOTE_COAP_LOCATION_PATH 8

/**
 * Option Uri-Path.
 */
#define MOTE_COAP_URI_PATH 11

/**
 * Option Content-Format.
 */
#define MOTE_COAP_CONTENT_FORMAT 12

/**
 * Option Max-Age, in seconds.
 */
#define MOTE_COAP_MAX_AGE 14

/**
 * Option Uri-Query.
 */
#define MOTE_COAP_URI_QUERY 15

/**
 * Option Hop-Limit (RFC 8768 section 3).
 */
#define MOTE_COAP_HOP_LIMIT 16

/**
 * Option Accept.
 */
#define MOTE_COAP_ACCEPT 17

/**
 * Option Location-Query.
 */
#define MOTE_COAP_LOCATION_QUERY 20

/**
 * Option Block2 (RFC 7959 section 2.1).
 */
#define MOTE_COAP_BLOCK2 23

/**
 * Option Block1 (RFC 7959 section 2.1).
 */
#define MOTE_COAP_BLOCK1 27

/**
 * Option Size2 (RFC 7959 section 4).
 */
#define MOTE_COAP_SIZE2 28

/**
 * Option Proxy-Uri.
 */
#define MOTE_COAP_PROXY_URI 35

/**
 * Option Proxy-Scheme.
 */
#define MOTE_COAP_PROXY_SCHEME 39

/**
 * Option Size1.
 */
#define MOTE_COAP_SIZE1 60

/**
 * Option Echo (RFC 9175 section 2.2.1).
 */
#define MOTE_COAP_ECHO 252

/**
 * Option No-Response (RFC 7967 section 2).
 */
#define MOTE_COAP_NO_RESPONSE 258

/**
 * Option Request-Tag (RFC 9175 section 3.2.1).
 */
#define MOTE_COAP_REQUEST_TAG 292

/**
 * Content format text/plain; charset=utf-8.
 */
#define MOTE_COAP_TEXT 0

/**
 * Content format application/link-format.
 */
#define MOTE_COAP_LINK_FORMAT 40

/**
 * Content format application/xml.
 */
#define MOTE_COAP_XML 41

/**
 * Content format application/octet-stream.
 */
#define MOTE_COAP_OCTET_STREAM 42

/**
 * Content format application/json.
 */
#define MOTE_COAP_JSON 50

/**
 * Content format application/cbor.
 */
#define MOTE_COAP_CBOR 60

/**
 * Content format application/concise-problem-details+cbor (RFC 9290).
 */
#define MOTE_COAP_PROBLEM_DETAILS 257

/**
 * Message type: confirmable (RFC 7252 section 4.2).
 */
#define MOTE_COAP_CON 0

/**
 * Message type: non-confirmable (RFC 7252 section 4.3).
 */
#define MOTE_COAP_NON 1

/**
 * Message type: acknowledgement.
 */
#define MOTE_COAP_ACK 2

/**
 * Message type: reset.
 */
#define MOTE_COAP_RST 3

/**
 * In place of a capacity of `mote_coap_config`: none at all, since 0 means the default.
 */
#define MOTE_COAP_NONE 65535

/**
 * Event kind: a response, a block of one, or a notification came.
 */
#define MOTE_COAP_RESPONSE 1

/**
 * Event kind: the next block of the request's body is wanted; see `mote_coap_supply`.
 */
#define MOTE_COAP_NEED_BLOCK 2

/**
 * Event kind: the request ended without a (further) response; `status` says why.
 */
#define MOTE_COAP_ENDED 3

/**
 * A block of this many bytes holds what `mote_coap_start_by_name` needs.
 */
#define MOTE_COAP_NAME_MEM 512

/**
 * In a config of defaults: bytes that do not depend on requests, observers and message size.
 * For `MOTE_COAP_MEM`.
 */
#define MOTE_COAP_MEM_BASE 6912

/**
 * Bytes for each request of ours under way. For `MOTE_COAP_MEM`.
 */
#define MOTE_COAP_MEM_REQUEST 120

/**
 * Bytes for each observer. For `MOTE_COAP_MEM`.
 */
#define MOTE_COAP_MEM_OBSERVER 40

/**
 * Direction of a text: not given.
 */
#define MOTE_COAP_DIRECTION_NONE 0

/**
 * Direction of a text: from left to right.
 */
#define MOTE_COAP_DIRECTION_LTR 1

/**
 * Direction of a text: from right to left.
 */
#define MOTE_COAP_DIRECTION_RTL 2

/**
 * Direction of a text: to be found out from it.
 */
#define MOTE_COAP_DIRECTION_AUTO 3

/**
 * Resource flag: it may be observed (RFC 7641).
 */
#define MOTE_COAP_OBSERVABLE 1

/**
 * Resource flag: a body in several blocks is assembled before the handler sees it.
 */
#define MOTE_COAP_ASSEMBLE 2

/**
 * Resource flag: it is left out of `/.well-known/core`.
 */
#define MOTE_COAP_HIDDEN 4

/**
 * Resource flag: it answers requests to groups.
 */
#define MOTE_COAP_MULTICAST 8

/**
 * Resource flag: its handlers heed If-Match and If-None-Match; without this they get 4.02.
 */
#define MOTE_COAP_CONDITIONAL 16

/**
 * Resource flag: what its handlers give depends on its state and the options of the request
 * alone, not on who asks. One answer to `MOTE_COAP_CAUSE_NOTIFY` goes to all observers that asked
 * with the same options and can be told now; without this each is asked for.
 */
#define MOTE_COAP_SHARED 32

/**
 * Cause: a peer sent this request.
 */
#define MOTE_COAP_CAUSE_REQUEST 0

/**
 * Cause: a peer sent this request and observes the resource from now on, unless the answer is an error.
 */
#define MOTE_COAP_CAUSE_REGISTER 1

/**
 * Cause: the resource changed, and this observer is to be told its present state.
 */
#define MOTE_COAP_CAUSE_NOTIFY 2

/**
 * Cause: a peer fetches the rest of an answer. Give the body from `answer_offset` on and do
 * nothing else.
 */
#define MOTE_COAP_CAUSE_CONTINUE 3

/**
 * Scheme `coap`: UDP.
 */
#define MOTE_COAP_SCHEME_COAP 0

/**
 * Scheme `coaps`: DTLS.
 */
#define MOTE_COAP_SCHEME_COAPS 1

/**
 * Scheme `coap+tcp`.
 */
#define MOTE_COAP_SCHEME_COAP_TCP 2

/**
 * Scheme `coaps+tcp`.
 */
#define MOTE_COAP_SCHEME_COAPS_TCP 3

/**
 * Scheme `coap+ws`.
 */
#define MOTE_COAP_SCHEME_COAP_WS 4

/**
 * Scheme `coaps+ws`.
 */
#define MOTE_COAP_SCHEME_COAPS_WS 5

/**
 * A block of this many bytes holds a look-up.
 */
#define MOTE_LOOKUP_MEM 192

/**
 * In place of a capacity of `mote_mesh_config`: none at all, since 0 means the default.
 */
#define MOTE_MESH_NONE 65535

/**
 * Joins a DODAG and forwards for others.
 */
#define MOTE_MESH_ROUTER 0

/**
 * Joins a DODAG and forwards nothing.
 */
#define MOTE_MESH_LEAF 1

/**
 * May be the root of a DODAG, and a border router.
 */
#define MOTE_MESH_ROOT 2

/**
 * Runs no RPL: registers its addresses with a router (RFC 6775, RFC 8505).
 */
#define MOTE_MESH_HOST 3

/**
 * Non-storing mode of RPL: the root knows all ways, packets are source-routed.
 */
#define MOTE_MESH_NON_STORING 1

/**
 * Storing mode of RPL: each router knows the ways below it.
 */
#define MOTE_MESH_STORING 2

/**
 * The objective function MRHOF with ETX (RFC 6719).
 */
#define MOTE_MESH_MRHOF 1

/**
 * MRHOF with the hop count, which the DODAG then tells of in a metric container (RFC 6551).
 */
#define MOTE_MESH_MRHOF_HOP_COUNT 3

/**
 * MRHOF with the latency likewise, of which each transmission that a link takes is expected to make 8.2 ms.
 */
#define MOTE_MESH_MRHOF_LATENCY 4

/**
 * The objective function zero (RFC 6552).
 */
#define MOTE_MESH_OF0 2

/**
 * The node has become a member of a DODAG, or its root: `address` is the DODAGID.
 */
#define MOTE_MESH_JOINED 1

/**
 * There is another preferred parent: `address`.
 */
#define MOTE_MESH_PARENT 2

/**
 * The last parent (a host's last router) is lost; the node looks for another.
 */
#define MOTE_MESH_LOST 3

/**
 * There is no room for a route to this node on the way; upward traffic works.
 */
#define MOTE_MESH_REFUSED 4

/**
 * The own address `address` can be used.
 */
#define MOTE_MESH_ADDRESS 5

/**
 * The own address `address` has ended; `status` is `MOTE_ERR_ADDRESS_IN_USE` when it is somebody
 * else's, `MOTE_ERR_TIMEOUT` when its lifetime is over.
 */
#define MOTE_MESH_ADDRESS_LOST 6

/**
 * A host has found the router `address`.
 */
#define MOTE_MESH_ROUTER_FOUND 7

/**
 * The host `address` has registered with this router.
 */
#define MOTE_MESH_HOST_REGISTERED 8

/**
 * The registration of the host `address` has ended.
 */
#define MOTE_MESH_HOST_LOST 9

/**
 * A downward route to `address`, of which `prefix_len` bits count, was learned.
 */
#define MOTE_MESH_ROUTE 10

/**
 * A downward route has ended.
 */
#define MOTE_MESH_ROUTE_LOST 11

/**
 * The ping `handle` was answered by `address` after `round_trip` milliseconds: `data`.
 */
#define MOTE_MESH_PING_REPLY 12

/**
 * The ping `handle` was not answered. `status` is `MOTE_ERR_TIMEOUT`, `MOTE_ERR_CANCELLED` or
 * `MOTE_ERR_CLOSED`; or `MOTE_ERR_UNREACHABLE`, and then `address` reported an ICMPv6 error.
 */
#define MOTE_MESH_PING_FAILED 13

/**
 * The socket `handle` received `data` from `address` at `local`.
 */
#define MOTE_MESH_UDP 14

/**
 * A datagram of the socket `handle` to `address` was not delivered: `status`.
 */
#define MOTE_MESH_UDP_FAILED 15

/**
 * The IPv6 packet `data` leaves the mesh for the host side of this border router.
 */
#define MOTE_MESH_HOST_PACKET 16

/**
 * Protocol version 3.1.1.
 */
#define MOTE_MQTT_V311 4

/**
 * Protocol version 5.0.
 */
#define MOTE_MQTT_V5 5

/**
 * In `keep_alive`: none.
 */
#define MOTE_MQTT_NO_KEEP_ALIVE 65535

/**
 * In `reconnect_tries`: do not connect again.
 */
#define MOTE_MQTT_NO_RECONNECT 255

/**
 * Client option: go where a server of 5.0 refers to. Needs a build with the feature `mqtt-redirect`.
 */
#define MOTE_MQTT_FOLLOW_SERVER 1

/**
 * Client option: messages are acknowledged by `mote_mqtt_acknowledge`, not by themselves. Needs a build with the
 * feature `mqtt-deferred`.
 */
#define MOTE_MQTT_DEFERRED 2

/**
 * Client option: a full queue gives up its oldest unsent QoS 0 message for a new one.
 */
#define MOTE_MQTT_DROP_OLDEST 4

/**
 * Client option: when the server has lost the session, end unacknowledged QoS 1 messages with
 * `MOTE_ERR_SESSION_LOST` instead of publishing them anew.
 */
#define MOTE_MQTT_NO_REPUBLISH 8

/**
 * Event kind: the server has accepted us.
 */
#define MOTE_MQTT_CONNECTED 1

/**
 * Event kind: there is no connection any more, or none came about.
 */
#define MOTE_MQTT_DISCONNECTED 2

/**
 * Event kind: a message, or its beginning.
 */
#define MOTE_MQTT_MESSAGE 3

/**
 * Event kind: a further part of the message under way.
 */
#define MOTE_MQTT_PAYLOAD 4

/**
 * Event kind: the rest of the message under way will not come.
 */
#define MOTE_MQTT_ABORTED 5

/**
 * Event kind: an operation has ended; `status` and `reason` say how.
 */
#define MOTE_MQTT_ENDED 6

/**
 * Event kind: the next part of a message published in parts is wanted, from `offset` on.
 */
#define MOTE_MQTT_WANTED 7

/**
 * Event kind: the server refused to renew a subscription in a new session, or had said that it takes no such one; it is forgotten.
 */
#define MOTE_MQTT_UNSUBSCRIBED 8

/**
 * Event kind: the server's part of enhanced authentication; see `mote_mqtt_authenticate`.
 */
#define MOTE_MQTT_AUTHENTICATION 9

/**
 * In `retry_after`: no further attempt is made.
 */
#define MOTE_MQTT_NO_RETRY 4294967295

/**
 * A block of this many bytes holds a client of the default config without properties.
 */
#define MOTE_MQTT_MEM 6144

/**
 * How many properties one call can be given.
 */
#define MOTE_MQTT_PROPERTIES 16

/**
 * Property Identifier: Payload Format Indicator. 1 for text in UTF-8. PUBLISH, Will.
 */
#define MOTE_MQTT_PROPERTY_PAYLOAD_FORMAT_INDICATOR 1

/**
 * Property Identifier: Message Expiry Interval. Seconds. PUBLISH, Will.
 */
#define MOTE_MQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL 2

/**
 * Property Identifier: Content Type. String. PUBLISH, Will.
 */
#define MOTE_MQTT_PROPERTY_CONTENT_TYPE 3

/**
 * Property Identifier: Response Topic. String. PUBLISH, Will.
 */
#define MOTE_MQTT_PROPERTY_RESPONSE_TOPIC 8

/**
 * Property Identifier: Correlation Data. Binary. PUBLISH, Will.
 */
#define MOTE_MQTT_PROPERTY_CORRELATION_DATA 9

/**
 * Property Identifier: Subscription Identifier. Number. SUBSCRIBE, received PUBLISH.
 */
#define MOTE_MQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER 11

/**
 * Property Identifier: Session Expiry Interval. Seconds. CONNACK, DISCONNECT.
 */
#define MOTE_MQTT_PROPERTY_SESSION_EXPIRY_INTERVAL 17

/**
 * Property Identifier: Assigned Client Identifier. String. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER 18

/**
 * Property Identifier: Server Keep Alive. Seconds. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_SERVER_KEEP_ALIVE 19

/**
 * Property Identifier: Authentication Method. String. CONNECT, CONNACK, AUTH.
 */
#define MOTE_MQTT_PROPERTY_AUTHENTICATION_METHOD 21

/**
 * Property Identifier: Authentication Data. Binary. CONNECT, CONNACK, AUTH.
 */
#define MOTE_MQTT_PROPERTY_AUTHENTICATION_DATA 22

/**
 * Property Identifier: Request Problem Information. 0 or 1. CONNECT.
 */
#define MOTE_MQTT_PROPERTY_REQUEST_PROBLEM_INFORMATION 23

/**
 * Property Identifier: Will Delay Interval. Seconds. Will.
 */
#define MOTE_MQTT_PROPERTY_WILL_DELAY_INTERVAL 24

/**
 * Property Identifier: Request Response Information. 0 or 1. CONNECT.
 */
#define MOTE_MQTT_PROPERTY_REQUEST_RESPONSE_INFORMATION 25

/**
 * Property Identifier: Response Information. String. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_RESPONSE_INFORMATION 26

/**
 * Property Identifier: Server Reference. String. CONNACK, DISCONNECT.
 */
#define MOTE_MQTT_PROPERTY_SERVER_REFERENCE 28

/**
 * Property Identifier: Reason String. String. All answers.
 */
#define MOTE_MQTT_PROPERTY_REASON_STRING 31

/**
 * Property Identifier: Receive Maximum. Number. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_RECEIVE_MAXIMUM 33

/**
 * Property Identifier: Topic Alias Maximum. Number. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM 34

/**
 * Property Identifier: Topic Alias. Number. Received PUBLISH.
 */
#define MOTE_MQTT_PROPERTY_TOPIC_ALIAS 35

/**
 * Property Identifier: Maximum QoS. 0 or 1. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_MAXIMUM_QOS 36

/**
 * Property Identifier: Retain Available. 0 or 1. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_RETAIN_AVAILABLE 37

/**
 * Property Identifier: User Property. Two strings, as often as wanted. All packets but PING.
 */
#define MOTE_MQTT_PROPERTY_USER_PROPERTY 38

/**
 * Property Identifier: Maximum Packet Size. Bytes. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_MAXIMUM_PACKET_SIZE 39

/**
 * Property Identifier: Wildcard Subscription Available. 0 or 1. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE 40

/**
 * Property Identifier: Subscription Identifier Available. 0 or 1. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE 41

/**
 * Property Identifier: Shared Subscription Available. 0 or 1. CONNACK.
 */
#define MOTE_MQTT_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE 42

/**
 * How many filters one SUBSCRIBE or UNSUBSCRIBE can be given.
 */
#define MOTE_MQTT_FILTERS 16

/**
 * A block of this many bytes holds a node of the default config on any port whose state
 * takes at most 512 bytes.
 */
#define MOTE_NODE_MEM 4096

/**
 * `mote_radio_sent`: the frame was sent, and acknowledged if that was asked for and the radio
 * waits for it.
 */
#define MOTE_RADIO_SENT 0

/**
 * `mote_radio_sent`: the frame was sent, but the radio saw no acknowledgement.
 */
#define MOTE_RADIO_NO_ACK 1

/**
 * `mote_radio_sent`: the channel never was clear.
 */
#define MOTE_RADIO_BUSY 2

/**
 * `mote_radio_sent`: the radio failed.
 */
#define MOTE_RADIO_FAILED 3

/**
 * Major version: changes when something is taken away from the ABI.
 */
#define MOTE_VERSION_MAJOR 0

/**
 * Minor version: changes when something is added.
 */
#define MOTE_VERSION_MINOR 1

/**
 * Patch version.
 */
#define MOTE_VERSION_PATCH 0

/**
 * `mote_linux_options.rest_us`: waits listen at once, always.
 */
#define MOTE_LINUX_NO_REST UINT32_MAX

/**
 * There may be something to receive, or a connection attempt has ended.
 */
#define MOTE_READY_READABLE 1

/**
 * There may be room to send again.
 */
#define MOTE_READY_WRITABLE 2

/**
 * The peer closed, or the socket failed; receiving says which.
 */
#define MOTE_READY_CLOSED 4

/**
 * Something failed that the application should know of.
 */
#define MOTE_LOG_ERROR 1

/**
 * Something was not as it should be, and was dealt with.
 */
#define MOTE_LOG_WARNING 2

/**
 * A change of state that an operator follows.
 */
#define MOTE_LOG_INFO 3

/**
 * Every step, for a developer.
 */
#define MOTE_LOG_DEBUG 4

/**
 * Capability: the radio waits for a clear channel by CSMA-CA before it sends.
 */
#define MOTE_RADIO_CSMA 1

/**
 * Capability: the radio acknowledges received frames, and waits for acknowledgements.
 */
#define MOTE_RADIO_ACK 2

/**
 * Capability: the radio repeats a frame that was not acknowledged.
 */
#define MOTE_RADIO_RETRY 4

/**
 * Capability: the radio drops frames for other addresses.
 */
#define MOTE_RADIO_FILTER 8

/**
 * What is tapped is a UDP datagram; the addresses are given.
 */
#define MOTE_TAP_UDP 1

/**
 * What is tapped is an IEEE 802.15.4 frame without FCS; the addresses are NULL.
 */
#define MOTE_TAP_FRAME 2

/**
 * Open option: other sockets, also of other processes, may use the same address and port.
 */
#define MOTE_UDP_REUSE 1

/**
 * Datagram flag: the datagram was longer than the buffer; only its front is there.
 */
#define MOTE_UDP_TRUNCATED 1

/**
 * Datagram flag: not a datagram that came, but what the network says of one that was sent: no way leads to
 * `remote`. `data` is the start of what was sent.
 */
#define MOTE_UDP_UNREACHABLE 2

/**
 * Datagram flag: the same, but `remote` is there and nobody listens at its port.
 */
#define MOTE_UDP_REFUSED 4

/**
 * A simulated radio channel of IEEE 802.15.4, with collisions, carrier sense, loss and air time.
 * Like `mote_sim` it allocates, and exists in hosted builds alone. The same seed and the same
 * calls give the same run to the byte.
 */
typedef struct mote_air mote_air;

/**
 * A CoAP endpoint: client and server over one UDP socket.
 */
typedef struct mote_coap mote_coap;

/**
 * One look-up of a host name.
 */
typedef struct mote_lookup mote_lookup;

/**
 * A node of the mesh: IEEE 802.15.4, 6LoWPAN, IPv6 and RPL over the radio of a port.
 */
typedef struct mote_mesh mote_mesh;

/**
 * An MQTT client.
 */
typedef struct mote_mqtt mote_mqtt;

/**
 * One loop that drives any number of protocol objects over one port.
 */
typedef struct mote_node mote_node;

/**
 * A simulated network. Unlike all else in this header it allocates, and exists in hosted builds
 * alone. The same seed and the same calls give the same run to the byte.
 */
typedef struct mote_sim mote_sim;

/**
 * 0 for success, otherwise one of the negative `MOTE_ERR_...` numbers.
 */
typedef int32_t mote_status;

/**
 * A run of bytes: where it starts and how long it is. Needs no NUL at its end; `ptr` may be
 * NULL when `len` is 0.
 */
typedef struct mote_bytes {
    /**
     * The first byte.
     */
    const uint8_t *ptr;
    /**
     * How many bytes.
     */
    size_t len;
} mote_bytes;

/**
 * An IP address and a port. All zero means "any" or "not given".
 */
typedef struct mote_address {
    /**
     * The IPv6 address in network order; an IPv4 address in its mapped form, `::ffff:a.b.c.d`.
     */
    uint8_t ip[16];
    /**
     * The interface index of a link-local or multicast address, 0 when not needed.
     */
    uint32_t scope;
    /**
     * The port, in host order.
     */
    uint16_t port;
    /**
     * Must be 0.
     */
    uint16_t reserved;
} mote_address;

/**
 * How a simulated channel is to be. Zero means the default, in every member but `size` and
 * `nodes`.
 */
typedef struct mote_air_config {
    /**
     * `sizeof(mote_air_config)`, by `MOTE_AIR_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * How many places for nodes there are, 1 to 65,535.
     */
    uint32_t nodes;
    /**
     * What all chance follows from.
     */
    uint64_t seed;
    /**
     * `MOTE_AIR_GRID`, `MOTE_AIR_LINE`, `MOTE_AIR_RANDOM` or `MOTE_AIR_UNLINKED`.
     */
    uint32_t placement;
    /**
     * How many frames are lost, in parts per thousand.
     */
    uint32_t loss;
    /**
     * By how much the two directions of a link may lie above or below that.
     */
    uint32_t asymmetry;
    /**
     * With `MOTE_AIR_RANDOM`: how many others are within range on average. Default 8.
     */
    uint32_t degree;
    /**
     * Within how many metres frames arrive. Default 15.
     */
    uint32_t range;
    /**
     * Within how many metres the carrier is sensed. Default 25.
     */
    uint32_t interference;
    /**
     * What the radios do by themselves, of `MOTE_RADIO_...`. Default: acknowledge, filter and
     * wait for a clear channel.
     */
    uint32_t capabilities;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} mote_air_config;

/**
 * A monotonic clock.
 */
typedef struct mote_port_clock {
    /**
     * `sizeof(mote_port_clock)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Milliseconds since any fixed point. Never goes back, does not jump when the time of
     * day is set, and goes on while the processor sleeps. Any context.
     */
    uint64_t (*now)(void *state);
} mote_port_clock;

/**
 * A source of random bytes fit for keys and tokens.
 */
typedef struct mote_port_entropy {
    /**
     * `sizeof(mote_port_entropy)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Fills all of `out`. `MOTE_ERR_IO` when the source fails; `out` is not used then.
     */
    mote_status (*fill)(void *state, uint8_t *out, size_t len);
} mote_port_entropy;

/**
 * One socket that has something to tell.
 */
typedef struct mote_port_ready {
    /**
     * The token that the socket was opened with.
     */
    uint32_t token;
    /**
     * Which of `MOTE_READY_...`, at least one.
     */
    uint32_t flags;
} mote_port_ready;

/**
 * Wakes the node in time.
 *
 * A socket is reported when it becomes ready, and again when it is still ready, or becomes so, after
 * an operation on it; not while nobody touches it: the node may leave a socket unread for a
 * while without being woken by it over and over. Reporting one that then has nothing is harmless,
 * failing to report one that has something is not. A port whose `wait` reports no sockets
 * (because it cannot know) gets every socket tried on each turn.
 */
typedef struct mote_port_alarm {
    /**
     * `sizeof(mote_port_alarm)`.
     */
    uint32_t size;
    /**
     * 1 when `wait` reports every socket that becomes ready; 0 when sockets must be tried.
     */
    uint32_t reports_readiness;
    /**
     * Sleeps until the clock reaches `deadline` (at once when it has passed, without end for
     * `UINT64_MAX`), a socket is ready, or `wake` is called - also when that was before the
     * sleep began. Writes at most `capacity` entries to `ready` and their number to
     * `count`; what did not fit is reported next time. `MOTE_ERR_IO` when waiting is
     * impossible. The one function that may block.
     */
    mote_status (*wait)(void *state,
                        uint64_t deadline,
                        struct mote_port_ready *ready,
                        size_t capacity,
                        size_t *count);
    /**
     * Ends the present or the next `wait` soon. Any thread, any interrupt.
     */
    void (*wake)(void *state);
    /**
     * Gives a descriptor that polls readable whenever `wait` would return at once; NULL
     * where there is none. It belongs to the port.
     */
    mote_status (*descriptor)(void *state, int32_t *descriptor);
    /**
     * Makes the descriptor readable when the clock reaches `deadline`; needed where
     * `descriptor` is.
     */
    mote_status (*arm)(void *state, uint64_t deadline);
} mote_port_alarm;

/**
 * One datagram with its two ends.
 */
typedef struct mote_port_datagram {
    /**
     * The peer: where it came from, or goes to.
     */
    struct mote_address remote;
    /**
     * The own address: where it was sent to (perhaps a group), or is to leave from. All zero
     * when not known, or left to the port. The port number in it is not used.
     */
    struct mote_address local;
    /**
     * The bytes. Receiving writes here; sending only reads.
     */
    uint8_t *data;
    /**
     * Receiving: the buffer's size on call, the datagram's on return. Sending: the datagram's size.
     */
    size_t len;
    /**
     * Which of `MOTE_UDP_...` datagram flags.
     */
    uint32_t flags;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} mote_port_datagram;

/**
 * Sends and receives datagrams.
 */
typedef struct mote_port_udp {
    /**
     * `sizeof(mote_port_udp)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Opens a non-blocking socket at `local`: an all-zero address means all of IPv6 and IPv4,
     * port 0 any free port. `options` are `MOTE_UDP_...` open options. `token` comes back in
     * `mote_port_ready`. `MOTE_ERR_FULL` when no socket is left, `MOTE_ERR_ADDRESS_IN_USE`,
     * `MOTE_ERR_NOT_FOUND` when `local` is no address of this system, `MOTE_ERR_UNSUPPORTED` for an option that is
     * not known, `MOTE_ERR_IO`.
     */
    mote_status (*open)(void *state,
                        const struct mote_address *local,
                        uint32_t options,
                        uint32_t token,
                        size_t *socket);
    /**
     * Closes the socket. Its token is not reported any more.
     */
    void (*close)(void *state, size_t socket);
    /**
     * Gives the address that the socket is bound to, with its port. `MOTE_ERR_IO`.
     */
    mote_status (*local_address)(void *state, size_t socket, struct mote_address *local);
    /**
     * Takes up to `capacity` waiting datagrams, in the order of their coming, and writes
     * their number, at least 1. Fewer than `capacity` were all there were: whatever is still there, or
     * comes, is reported ready anew. `MOTE_ERR_WOULD_BLOCK` when none waits. Errors that the
     * network reported about earlier sends are not errors of receiving: they are passed
     * over, or come as entries of their own with `MOTE_UDP_UNREACHABLE` or `MOTE_UDP_REFUSED`.
     * `MOTE_ERR_IO` when the socket is broken for good.
     */
    mote_status (*receive)(void *state,
                           size_t socket,
                           struct mote_port_datagram *datagrams,
                           size_t capacity,
                           size_t *count);
    /**
     * Sends `count` datagrams in order and writes how many were taken; stops at the first
     * that is not. Success when at least one was taken. Otherwise why the first was not:
     * `MOTE_ERR_WOULD_BLOCK` (the socket is reported `MOTE_READY_WRITABLE` when there is
     * room), `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`.
     */
    mote_status (*send)(void *state,
                        size_t socket,
                        const struct mote_port_datagram *datagrams,
                        size_t count,
                        size_t *sent);
    /**
     * Joins the group `group` on the interface `group->scope`, or on all suitable ones when
     * that is 0. Joining again is no error. `MOTE_ERR_INVALID` when it is no group,
     * `MOTE_ERR_NOT_FOUND` when there is no such interface, `MOTE_ERR_FULL`, `MOTE_ERR_UNSUPPORTED`,
     * `MOTE_ERR_IO`.
     */
    mote_status (*join)(void *state, size_t socket, const struct mote_address *group);
    /**
     * Leaves the group again. Statuses as for `join`; `MOTE_ERR_NOT_FOUND` when it was not joined, too.
     */
    mote_status (*leave)(void *state, size_t socket, const struct mote_address *group);
} mote_port_udp;

/**
 * Opens connections and moves bytes.
 *
 * Zero is never a count: a call that could move nothing says `MOTE_ERR_WOULD_BLOCK`, a peer
 * that closed says `MOTE_ERR_CLOSED`, a connection that broke says `MOTE_ERR_RESET`.
 */
typedef struct mote_port_tcp {
    /**
     * `sizeof(mote_port_tcp)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Begins to connect to `remote`. `token` comes back in `mote_port_ready`.
     * `MOTE_ERR_FULL` when no socket is left, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`. A refusal that is
     * known at once is for `connected` to tell.
     */
    mote_status (*open)(void *state,
                        const struct mote_address *remote,
                        uint32_t token,
                        size_t *socket);
    /**
     * How the attempt stands: success once connected, `MOTE_ERR_WOULD_BLOCK` while under way
     * (the socket is reported ready when that changes), `MOTE_ERR_REFUSED`,
     * `MOTE_ERR_TIMEOUT`, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`.
     */
    mote_status (*connected)(void *state, size_t socket);
    /**
     * Takes up to `capacity` bytes that came, at least 1.
     */
    mote_status (*receive)(void *state,
                           size_t socket,
                           uint8_t *out,
                           size_t capacity,
                           size_t *received);
    /**
     * Takes as many of the `len` bytes as there is room for, at least 1. After
     * `MOTE_ERR_WOULD_BLOCK` the socket is reported `MOTE_READY_WRITABLE` when there is room.
     */
    mote_status (*send)(void *state, size_t socket, const uint8_t *data, size_t len, size_t *sent);
    /**
     * Ends our direction once everything taken has been sent.
     */
    void (*shutdown)(void *state, size_t socket);
    /**
     * Closes the socket at once. Its token is not reported any more.
     */
    void (*close)(void *state, size_t socket);
} mote_port_tcp;

/**
 * Resolves host names without blocking the node.
 */
typedef struct mote_port_resolver {
    /**
     * `sizeof(mote_port_resolver)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Begins to resolve `host` (`len` bytes, copied before the call returns) and names the
     * query. The token is reported ready when the answer is there.
     * `MOTE_ERR_FULL` when too many queries are under way, `MOTE_ERR_INVALID` for what is no name.
     */
    mote_status (*start)(void *state, const uint8_t *host, size_t len, uint32_t token, size_t *query);
    /**
     * Writes up to `capacity` addresses, best first, and their number, at least 1; the query
     * is over then, and after any error but `MOTE_ERR_WOULD_BLOCK` (not there yet).
     * `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_IO`. Ports in the addresses are 0.
     */
    mote_status (*take)(void *state,
                        size_t query,
                        struct mote_address *addresses,
                        size_t capacity,
                        size_t *count);
    /**
     * Ends the query without an answer. Its token is not reported any more.
     */
    void (*cancel)(void *state, size_t query);
} mote_port_resolver;

/**
 * The addresses by which the radio filters and acknowledges.
 */
typedef struct mote_radio_addresses {
    /**
     * The extended address, most significant byte first.
     */
    uint8_t extended[8];
    /**
     * The short address; 0xffff for none.
     */
    uint16_t short_address;
    /**
     * The PAN identifier.
     */
    uint16_t pan_id;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} mote_radio_addresses;

/**
 * Sends and receives frames.
 *
 * Received frames come to the node by `mote_radio_received`, the end of a transmission by
 * `mote_radio_sent`; both may be called from an interrupt. Only `transmit` has to be there: without
 * `channel_clear` the channel is always taken for clear, and without another there is nothing to do for it.
 */
typedef struct mote_port_radio {
    /**
     * `sizeof(mote_port_radio)`.
     */
    uint32_t size;
    /**
     * Which of `MOTE_RADIO_...` the radio does by itself.
     */
    uint32_t capabilities;
    /**
     * Tells which node (a `mote_node *`) is to be told of frames. Called once, before anything
     * else of the radio; may be NULL where the port knows.
     */
    mote_status (*start)(void *state, void *node);
    /**
     * Turns the receiver on (1), or everything off (0).
     */
    mote_status (*enable)(void *state, uint8_t on);
    /**
     * Tunes to a channel of the 2.4 GHz band, 11 to 26 (page 0).
     */
    mote_status (*set_channel)(void *state, uint8_t channel);
    /**
     * Sets the addresses for filtering and acknowledging.
     */
    mote_status (*set_addresses)(void *state, const struct mote_radio_addresses *addresses);
    /**
     * Begins to send a frame of `len` bytes, FCS not included (the radio appends it). The
     * frame is copied before the call returns. Exactly one `mote_radio_sent` follows a success, and
     * none a failure. `MOTE_ERR_WOULD_BLOCK` while another frame is being sent.
     */
    mote_status (*transmit)(void *state, const uint8_t *frame, size_t len);
    /**
     * Whether the channel is clear now (1) or not (0); needed without `MOTE_RADIO_CSMA`.
     */
    uint8_t (*channel_clear)(void *state);
} mote_port_radio;

/**
 * Keeps records over a restart: sessions, keys, counters.
 *
 * A record is named by its `owner`, which the application chooses, and a number. `write` and
 * `remove` are atomic and durable: once they return, a loss of power changes nothing; before
 * that, the record is as it was.
 */
typedef struct mote_port_store {
    /**
     * `sizeof(mote_port_store)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Copies the record to `out` and writes its length. `MOTE_ERR_NOT_FOUND`,
     * `MOTE_ERR_TOO_LARGE` when `capacity` is less than its length, `MOTE_ERR_IO`.
     */
    mote_status (*read)(void *state,
                        uint32_t owner,
                        uint32_t record,
                        uint8_t *out,
                        size_t capacity,
                        size_t *len);
    /**
     * Creates or replaces the record by the `count` parts one after the other, 8 at the most.
     * `MOTE_ERR_FULL` when there is no room, `MOTE_ERR_IO`.
     */
    mote_status (*write)(void *state,
                         uint32_t owner,
                         uint32_t record,
                         const struct mote_bytes *parts,
                         size_t count);
    /**
     * Removes the record; one that is not there is no error. `MOTE_ERR_IO`.
     */
    mote_status (*remove)(void *state, uint32_t owner, uint32_t record);
    /**
     * Writes the owner's smallest record number that is at least `from`.
     * `MOTE_ERR_NOT_FOUND` when there is none, `MOTE_ERR_IO`.
     */
    mote_status (*next)(void *state, uint32_t owner, uint32_t from, uint32_t *record);
} mote_port_store;

/**
 * Where messages for people go.
 */
typedef struct mote_port_log {
    /**
     * `sizeof(mote_port_log)`.
     */
    uint32_t size;
    /**
     * Messages above this `MOTE_LOG_...` level are not written.
     */
    uint32_t level;
    /**
     * Writes one line, given without a line end. The text is lent until the call returns.
     */
    void (*write)(void *state, uint32_t level, struct mote_bytes text);
} mote_port_log;

/**
 * Sees every datagram and frame.
 */
typedef struct mote_port_tap {
    /**
     * `sizeof(mote_port_tap)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Something of `kind` (`MOTE_TAP_...`) passed from `source` to `destination`. All of it is
     * lent until the call returns.
     */
    void (*pass)(void *state,
                 uint32_t kind,
                 const struct mote_address *source,
                 const struct mote_address *destination,
                 struct mote_bytes data);
    /**
     * Whether anybody looks (1), or `pass` need not be called for this node (0). Asked once, after
     * `open`. NULL stands for 1.
     */
    uint8_t (*active)(void *state);
} mote_port_tap;

/**
 * A network interface of the host whose packets go to the node, and come from it.
 *
 * The interface counts as a source of the node: its token is reported ready as a socket's is.
 */
typedef struct mote_port_tun {
    /**
     * `sizeof(mote_port_tun)`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Opens the interface `name`, which is made unless it exists, with this MTU (at least 1280),
     * and turns it on. With an empty name the host chooses one. `token` comes back in
     * `mote_port_ready`. `MOTE_ERR_UNSUPPORTED` when the host has no such interfaces or does not
     * let us have one, `MOTE_ERR_ADDRESS_IN_USE` when another program has it open,
     * `MOTE_ERR_INVALID` for a name that can be none, `MOTE_ERR_FULL`, `MOTE_ERR_IO`.
     */
    mote_status (*open)(void *state,
                        struct mote_bytes name,
                        uint32_t mtu,
                        uint32_t token,
                        size_t *tun);
    /**
     * Gives the host `address` on this interface, with the prefix of `prefix_len` bits that it is
     * in. One that it has already is no error. `MOTE_ERR_INVALID`, `MOTE_ERR_UNSUPPORTED` when not
     * allowed, `MOTE_ERR_IO`.
     */
    mote_status (*add_address)(void *state,
                               size_t tun,
                               const struct mote_address *address,
                               uint8_t prefix_len);
    /**
     * Lets the host send what is for this prefix into the interface. Statuses as for
     * `add_address`.
     */
    mote_status (*add_route)(void *state,
                             size_t tun,
                             const struct mote_address *prefix,
                             uint8_t prefix_len);
    /**
     * Takes one IPv6 packet that the host sent into the interface; packets of other protocols are
     * passed over. `MOTE_ERR_WOULD_BLOCK` when none waits; `MOTE_ERR_TOO_LARGE` for one longer than `capacity`, which is lost;
     * `MOTE_ERR_IO` when the interface is gone.
     */
    mote_status (*receive)(void *state, size_t tun, uint8_t *out, size_t capacity, size_t *received);
    /**
     * Hands one IPv6 packet to the host, whole. `MOTE_ERR_WOULD_BLOCK` when there is no room; the
     * packet may be dropped then. `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_IO`.
     */
    mote_status (*send)(void *state, size_t tun, const uint8_t *packet, size_t len);
    /**
     * Closes the interface. Its token is not reported any more; an interface that we made
     * disappears.
     */
    void (*close)(void *state, size_t tun);
} mote_port_tun;

/**
 * What a system offers to a node: a set of services and the state behind them.
 *
 * A table is read when a node is initialised and must stay valid, with the service tables
 * it points to, until that node is closed. One table may serve any number of nodes.
 *
 * Unless it says otherwise, a function of a service is called from the node's thread alone, with the
 * state of the node's port first; it never blocks, and calls nothing of the library but what may be called
 * from any interrupt; it writes its outputs on success alone; what it is lent it may read until it
 * returns. Services other than the clock and entropy may be NULL, and so may functions; what needs
 * them is refused with `MOTE_ERR_UNSUPPORTED`.
 */
typedef struct mote_port {
    /**
     * `sizeof(mote_port)`, by `MOTE_PORT_INIT`.
     */
    uint32_t size;
    /**
     * How many bytes of the node's block the port wants for its own state, 0 for none. The
     * state is aligned to 16 bytes and zeroed before `open`.
     */
    uint32_t state_size;
    /**
     * The port's own; handed to `open`, and to every service in place of the state when
     * `state_size` is 0.
     */
    void *user;
    /**
     * Called once per node before any service; may be NULL. A failure is the outcome of
     * `mote_node_init`; `close` is not called then.
     */
    mote_status (*open)(void *state, void *user);
    /**
     * Called once per node after the last service call; may be NULL.
     */
    void (*close)(void *state);
    /**
     * Time; required.
     */
    const struct mote_port_clock *clock;
    /**
     * Randomness; required.
     */
    const struct mote_port_entropy *entropy;
    /**
     * Waiting and being woken.
     */
    const struct mote_port_alarm *alarm;
    /**
     * UDP sockets of the platform.
     */
    const struct mote_port_udp *udp;
    /**
     * TCP connections of the platform.
     */
    const struct mote_port_tcp *tcp;
    /**
     * Host names to addresses.
     */
    const struct mote_port_resolver *resolver;
    /**
     * An IEEE 802.15.4 radio.
     */
    const struct mote_port_radio *radio;
    /**
     * Small persistent records.
     */
    const struct mote_port_store *store;
    /**
     * Text for people.
     */
    const struct mote_port_log *log;
    /**
     * A copy of every frame and datagram, for captures.
     */
    const struct mote_port_tap *tap;
    /**
     * The host side of a border router.
     */
    const struct mote_port_tun *tun;
} mote_port;

/**
 * What has happened on a channel, and what a radio has done.
 */
typedef struct mote_air_statistics {
    /**
     * `sizeof(mote_air_statistics)`, set by the caller.
     */
    uint32_t size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Frames sent, acknowledgements not counted.
     */
    uint64_t frames;
    /**
     * Acknowledgements sent.
     */
    uint64_t acknowledgements;
    /**
     * Microseconds for which there was something on the air.
     */
    uint64_t airtime;
    /**
     * Receptions spoilt by another frame.
     */
    uint64_t collisions;
    /**
     * Receptions lost to a bad link.
     */
    uint64_t losses;
    /**
     * Receptions handed to a radio.
     */
    uint64_t receptions;
} mote_air_statistics;

/**
 * Where a node is and what its radio has done.
 */
typedef struct mote_air_place {
    /**
     * `sizeof(mote_air_place)`, set by the caller.
     */
    uint32_t size;
    /**
     * How many hops it is from the first node over links that exist; `UINT32_MAX` for none.
     */
    uint32_t hops;
    /**
     * Centimetres.
     */
    int32_t x;
    /**
     * Centimetres.
     */
    int32_t y;
    /**
     * Microseconds spent sending.
     */
    uint64_t transmit;
    /**
     * Microseconds spent listening.
     */
    uint64_t receive;
    /**
     * Microseconds spent switched off.
     */
    uint64_t sleep;
} mote_air_place;

/**
 * Transmission parameters (RFC 7252 section 4.8). 0 means the default everywhere. What derives from
 * them (EXCHANGE_LIFETIME and the others of section 4.8.2) follows every change.
 */
typedef struct mote_coap_params {
    /**
     * `sizeof(mote_coap_params)`, by `MOTE_COAP_PARAMS_INIT`.
     */
    uint32_t size;
    /**
     * ACK_TIMEOUT in milliseconds. Default 2000.
     */
    uint32_t ack_timeout;
    /**
     * ACK_RANDOM_FACTOR in units of 1/256, from 256 to 65535. Default 384, which is 1.5.
     */
    uint16_t ack_random_factor;
    /**
     * MAX_RETRANSMIT, 1 to 16; `MOTE_COAP_NONE` for never sending again. Default 4.
     */
    uint16_t max_retransmit;
    /**
     * NSTART: requests outstanding at one peer at a time, up to 255. Default 1.
     */
    uint16_t nstart;
    /**
     * Must be 0.
     */
    uint16_t reserved;
    /**
     * DEFAULT_LEISURE in milliseconds: over which answers to a group are spread. Default 5000.
     */
    uint32_t leisure;
    /**
     * PROBING_RATE in bytes per second: towards a peer that does not answer. Default 1.
     */
    uint32_t probing_rate;
    /**
     * MAX_LATENCY in milliseconds. Default 100,000.
     */
    uint32_t max_latency;
} mote_coap_params;

/**
 * Names a datagram transport on a node: the UDP of a mesh, say. 0 names none.
 */
typedef uint32_t mote_transport;

/**
 * How an endpoint is to be. Zero means the default, in every member but `size` and `node`;
 * a capacity of `MOTE_COAP_NONE` means none.
 */
typedef struct mote_coap_config {
    /**
     * `sizeof(mote_coap_config)`, by `MOTE_COAP_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * Which of `MOTE_UDP_...` open options the socket gets, unless there is a `transport`.
     */
    uint32_t udp_options;
    /**
     * The node that drives the endpoint; required.
     */
    struct mote_node *node;
    /**
     * The transmission parameters; copied. Default NULL: those of RFC 7252.
     */
    const struct mote_coap_params *params;
    /**
     * A datagram transport that something else provides, such as UDP over the mesh; the
     * endpoint takes it over. Default 0: a UDP socket of the port at `local`.
     */
    mote_transport transport;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Where to receive. Default: all addresses, and any free port, which suits a client. A
     * server sets the port, 5683 as a rule.
     */
    struct mote_address local;
    /**
     * Requests under way at a time, observations included. Default 4.
     */
    uint16_t requests;
    /**
     * Observers of our resources, all together. Default 8.
     */
    uint16_t observers;
    /**
     * The largest message sent, in bytes, at least 64. Default 1152 (RFC 7252 section 4.6).
     */
    uint16_t message_size;
    /**
     * Peers known at a time. Default 8.
     */
    uint16_t peers;
    /**
     * Requests of peers remembered: those under way, and those answered, so that duplicates
     * are recognised (RFC 7252 section 4.5). Default 8.
     */
    uint16_t exchanges;
    /**
     * Resources, `/.well-known/core` not counted. Default 8.
     */
    uint16_t resources;
    /**
     * Block-wise uploads of peers under way, and large answers to methods other than GET.
     * Default 2.
     */
    uint16_t transfers;
    /**
     * 1: a peer must prove by an Echo option that it is where it says, before it is sent an
     * answer that is much larger than its request (RFC 9175 section 2.6). Default 0.
     */
    uint16_t amplification_limit;
    /**
     * Bytes that hold messages: those that may be sent again, those waiting, and replies kept
     * for duplicates. Default 4096.
     */
    uint32_t pool;
    /**
     * Bytes of the buffer in which each of `transfers` may be assembled for resources with
     * `MOTE_COAP_ASSEMBLE`. Default 0: none.
     */
    uint32_t body;
    /**
     * How long a confirmable request may wait for its answer before it is acknowledged with an
     * empty message, in milliseconds. Default 200.
     */
    uint32_t ack_delay;
    /**
     * How long a half-done transfer of a peer is kept, in milliseconds. Default 60,000.
     */
    uint32_t transfer_timeout;
    /**
     * Numbers of critical options that the application understands, besides those that the
     * library does: without this a message with one is refused (RFC 7252 section 5.4.1). They must stay
     * as they are until the endpoint is closed. Default NULL: none.
     */
    const uint16_t *recognised;
    /**
     * How many, up to 64.
     */
    size_t recognised_count;
} mote_coap_config;

/**
 * Counters of an endpoint. All only grow, and wrap around.
 */
typedef struct mote_coap_statistics {
    /**
     * `sizeof(mote_coap_statistics)`, set by the caller.
     */
    uint32_t size;
    /**
     * Datagrams received.
     */
    uint32_t received;
    /**
     * Datagrams handed to the transport.
     */
    uint32_t sent;
    /**
     * Messages sent again because no acknowledgement came.
     */
    uint32_t retransmitted;
    /**
     * Messages recognised as duplicates.
     */
    uint32_t duplicates;
    /**
     * Messages that broke the format or could not be acted upon.
     */
    uint32_t rejected;
    /**
     * Messages that the transport did not take.
     */
    uint32_t send_failed;
    /**
     * Requests and observers refused, or replies not kept, because a table or the pool was full.
     */
    uint32_t full;
    /**
     * Records of answered exchanges forgotten early to make room.
     */
    uint32_t forgotten;
    /**
     * Requests of ours that ended for want of an answer.
     */
    uint32_t timeouts;
} mote_coap_statistics;

/**
 * One link of a document.
 */
typedef struct mote_coap_link {
    /**
     * The URI reference between the angle brackets.
     */
    struct mote_bytes target;
    /**
     * The attributes as they are written; iterate them with `mote_coap_attribute_next`.
     */
    struct mote_bytes attributes;
} mote_coap_link;

/**
 * One attribute of a link.
 */
typedef struct mote_coap_attribute {
    /**
     * The name, such as `rt`.
     */
    struct mote_bytes name;
    /**
     * The value as it is written, without quotes; `ptr` is NULL when there is none.
     */
    struct mote_bytes value;
    /**
     * The value as a number, `UINT32_MAX` when it is larger; 0 when it is none.
     */
    uint32_t number;
    /**
     * 1 when the value stood in quotes, so that backslashes in it escape.
     */
    uint32_t quoted;
} mote_coap_attribute;

/**
 * One option of a message.
 *
 * When given to the library: if `value.ptr` is NULL the value is the shortest form of
 * `integer`, so that `{ MOTE_COAP_ACCEPT, .integer = MOTE_COAP_JSON }` and
 * `{ MOTE_COAP_IF_NONE_MATCH }` say all that is needed. What `value` points to is copied
 * before the call returns.
 */
typedef struct mote_coap_option {
    /**
     * The option number, such as `MOTE_COAP_URI_QUERY`.
     */
    uint16_t number;
    /**
     * Must be 0.
     */
    uint16_t reserved;
    /**
     * The value as an unsigned integer; from the library, 0 when it is longer than four bytes.
     */
    uint32_t integer;
    /**
     * The value as bytes.
     */
    struct mote_bytes value;
} mote_coap_option;

/**
 * Names a request of ours until it has ended; never 0. Once it has ended the name is stale.
 */
typedef uint32_t mote_coap_request;

/**
 * The options of a message, or those of them that were not iterated yet.
 *
 * The copy in an event belongs to the event; copy it to iterate twice. It is valid as long as
 * the event.
 */
typedef struct mote_coap_options {
    /**
     * The options as they lie in the message.
     */
    struct mote_bytes bytes;
    /**
     * The number of the option before them.
     */
    uint16_t number;
    /**
     * 0.
     */
    uint16_t reserved;
} mote_coap_options;

/**
 * What a request brings. All of it is lent until the callback returns.
 */
typedef struct mote_coap_event {
    /**
     * One of `MOTE_COAP_RESPONSE`, `MOTE_COAP_NEED_BLOCK`, `MOTE_COAP_ENDED`.
     */
    uint32_t kind;
    /**
     * For `MOTE_COAP_ENDED` the outcome: success when no response was wanted (a ping was
     * answered, the answers of a group have been gathered, No-Response was asked for),
     * `MOTE_ERR_TIMEOUT`, `MOTE_ERR_REFUSED` and `MOTE_ERR_UNREACHABLE` when the network says that the
     * request could not be delivered (RFC 7252 section 4.2), `MOTE_ERR_RESET`, `MOTE_ERR_CANCELLED`, `MOTE_ERR_PROTOCOL` for a
     * response that broke the rules, `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_SESSION_LOST` when the body
     * changed while it was fetched, `MOTE_ERR_CLOSED` when the endpoint is being closed, or what
     * the transport said. Otherwise success.
     */
    mote_status status;
    /**
     * The endpoint.
     */
    struct mote_coap *coap;
    /**
     * The request.
     */
    mote_coap_request request;
    /**
     * The response code, such as `MOTE_COAP_CONTENT`; 0 without a response.
     */
    uint8_t code;
    /**
     * 1 in exactly one event of every request, its last. `request` is stale then.
     */
    uint8_t last;
    /**
     * 1 when the body goes on after this payload.
     */
    uint8_t more;
    /**
     * The type of the message: `MOTE_COAP_CON`, `MOTE_COAP_NON` or `MOTE_COAP_ACK`.
     */
    uint8_t message_type;
    /**
     * Where in its body the payload starts, or where the block that is wanted does.
     */
    uint32_t offset;
    /**
     * The length of the whole body if the peer told (Size2), else 0.
     */
    uint32_t total;
    /**
     * How many bytes are wanted (`MOTE_COAP_NEED_BLOCK`), fewer only at the end of the body.
     */
    uint32_t length;
    /**
     * The message ID of the response.
     */
    uint16_t message_id;
    /**
     * 0.
     */
    uint16_t reserved;
    /**
     * Who answered.
     */
    struct mote_address remote;
    /**
     * The own address that the answer came to; its port is 0.
     */
    struct mote_address local;
    /**
     * The token.
     */
    struct mote_bytes token;
    /**
     * The payload, or this part of it.
     */
    struct mote_bytes payload;
    /**
     * The options of the response.
     */
    struct mote_coap_options options;
} mote_coap_event;

/**
 * Is told what becomes of a request, by the thread that drives the node. It may call anything,
 * `mote_coap_close` included. Exactly one call has `event->last` set; none comes after it.
 */
typedef void (*mote_coap_callback)(void *user, const struct mote_coap_event *event);

/**
 * A request. Zero means the default; everything is copied before the call returns, but for
 * what `payload_stays` says.
 */
typedef struct mote_coap_request_config {
    /**
     * `sizeof(mote_coap_request_config)`, by `MOTE_COAP_REQUEST_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * `MOTE_COAP_GET` and so on. Default GET.
     */
    uint8_t method;
    /**
     * 1: send it non-confirmably. To a group it always is.
     */
    uint8_t non_confirmable;
    /**
     * 1: register as an observer (RFC 7641); each notification is a `MOTE_COAP_RESPONSE`,
     * until cancelled. Needs a build with the feature `coap-observe`.
     */
    uint8_t observe;
    /**
     * 1: fetch only the one block at `offset`, not the rest of the body. Needs a build with the feature
     * `coap-block`, as do `more` and `offset`.
     */
    uint8_t one_block;
    /**
     * What to ask: the URI is taken apart as RFC 7252 section 6.4 says. May be empty when `remote` and
     * `options` say it all. Needs a build with the feature `coap-uri`.
     */
    struct mote_bytes uri;
    /**
     * Where to send it. Default: the address and port of `uri`, which must then hold a literal.
     */
    struct mote_address remote;
    /**
     * From which of the own addresses. Default: whichever suits.
     */
    struct mote_address local;
    /**
     * Further options, in any order. Block1, Block2, Observe, Size1 and Size2 are the
     * library's business, unless given here.
     */
    const struct mote_coap_option *options;
    /**
     * How many, up to 1024.
     */
    size_t option_count;
    /**
     * The body, or its beginning: at least its first block if it is longer. What does not fit
     * in the first message is asked for by `MOTE_COAP_NEED_BLOCK`.
     */
    struct mote_bytes payload;
    /**
     * 1: `payload` is the whole body and stays as it is until the last event, so that the
     * library takes the blocks from there; `MOTE_COAP_NEED_BLOCK` comes only when a block finds
     * no room, and may then be answered later.
     */
    uint16_t payload_stays;
    /**
     * 1: the body goes on after `payload`.
     */
    uint16_t more;
    /**
     * The length of the whole body if it is known and larger than `payload`.
     */
    uint32_t total;
    /**
     * Where in the body of the answer to begin, in bytes; a multiple of the block size.
     */
    uint32_t offset;
    /**
     * The largest block in either direction, in bytes: 16, 32, ... 1024. Default 1024.
     */
    uint32_t block_size;
    /**
     * How long to wait for the response once the request need not be sent again, in
     * milliseconds; for a group, how long to gather answers. Default: as RFC 7252 says.
     */
    uint32_t timeout;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * The token. Default, and better: drawn at random. One of more than 8 bytes (RFC 8974) goes with the first message of
     * a confirmable request only: it is refused with `MOTE_ERR_INVALID` otherwise, and a server that does not
     * understand it answers with a Reset, which ends the request with `MOTE_ERR_RESET`.
     */
    struct mote_bytes token;
    /**
     * Transmission parameters of this request alone. Default NULL: those of the endpoint.
     */
    const struct mote_coap_params *params;
    /**
     * Is told what becomes of it. May be NULL.
     */
    mote_coap_callback callback;
    /**
     * Handed to the callback.
     */
    void *user;
} mote_coap_request_config;

/**
 * Why a request failed: the body of an error response in the content format
 * `MOTE_COAP_PROBLEM_DETAILS`. An empty text stands for none. All texts are UTF-8.
 */
typedef struct mote_coap_problem {
    /**
     * `sizeof(mote_coap_problem)`, by `MOTE_COAP_PROBLEM_INIT`.
     */
    uint32_t size;
    /**
     * The response code that it comes with, such as `MOTE_COAP_NOT_FOUND`; 0 for none.
     */
    uint8_t response_code;
    /**
     * The direction of texts that name no language: one of `MOTE_COAP_DIRECTION_...`.
     */
    uint8_t base_direction;
    /**
     * The direction of `title`; only with a language.
     */
    uint8_t title_direction;
    /**
     * The direction of `detail`; only with a language.
     */
    uint8_t detail_direction;
    /**
     * What kind of problem it is, in a few words.
     */
    struct mote_bytes title;
    /**
     * The language tag of `title`.
     */
    struct mote_bytes title_language;
    /**
     * What went wrong this time.
     */
    struct mote_bytes detail;
    /**
     * The language tag of `detail`.
     */
    struct mote_bytes detail_language;
    /**
     * A URI reference that names this occurrence.
     */
    struct mote_bytes instance;
    /**
     * What relative references are relative to.
     */
    struct mote_bytes base_uri;
    /**
     * The language tag of texts that name none.
     */
    struct mote_bytes base_language;
    /**
     * Numbers of options that could not be processed, up to 256; only for writing.
     */
    const uint16_t *unprocessed;
    /**
     * How many there are, when read too; see `mote_coap_problem_unprocessed`.
     */
    size_t unprocessed_count;
} mote_coap_problem;

/**
 * Names a request of a peer until it has been answered; never 0.
 */
typedef uint32_t mote_coap_exchange;

/**
 * Names a resource of an endpoint until it is removed; never 0.
 */
typedef uint32_t mote_coap_resource;

/**
 * A request of a peer. All of it is lent until the handler returns.
 */
typedef struct mote_coap_incoming {
    /**
     * The endpoint.
     */
    struct mote_coap *coap;
    /**
     * What to answer with: `mote_coap_respond`, in the handler or later.
     */
    mote_coap_exchange exchange;
    /**
     * The resource.
     */
    mote_coap_resource resource;
    /**
     * The method, such as `MOTE_COAP_GET`.
     */
    uint8_t method;
    /**
     * Why the handler is asked: one of `MOTE_COAP_CAUSE_...`.
     */
    uint8_t cause;
    /**
     * 1 when the request's body goes on after this payload. The handler need not answer then:
     * the next block is asked for once it has returned.
     */
    uint8_t more;
    /**
     * `MOTE_COAP_CON` or `MOTE_COAP_NON`.
     */
    uint8_t message_type;
    /**
     * Where in the request's body the payload starts.
     */
    uint32_t offset;
    /**
     * The length of that body if the peer told (Size1), else 0.
     */
    uint32_t total;
    /**
     * Where in the body of the answer the block starts that is asked for.
     */
    uint32_t answer_offset;
    /**
     * The size of that block in bytes.
     */
    uint32_t answer_size;
    /**
     * The message ID.
     */
    uint16_t message_id;
    /**
     * 0.
     */
    uint16_t reserved;
    /**
     * Who asks.
     */
    struct mote_address remote;
    /**
     * Which of our addresses, or which group, was asked; its port is 0.
     */
    struct mote_address local;
    /**
     * The token.
     */
    struct mote_bytes token;
    /**
     * The payload. An assembled body is lent only until the request is answered.
     */
    struct mote_bytes payload;
    /**
     * The options of the request.
     */
    struct mote_coap_options options;
} mote_coap_incoming;

/**
 * Handles a request, in the thread that drives the node: answers it with `mote_coap_respond`, or
 * notes `exchange` and answers later. It may call anything, `mote_coap_close` included.
 */
typedef void (*mote_coap_handler)(void *user, const struct mote_coap_incoming *incoming);

/**
 * A resource, or a sub-tree of them. It and all that it points to must stay as it is until the
 * resource is removed or the endpoint closed: a `static const` is best.
 */
typedef struct mote_coap_resource_config {
    /**
     * `sizeof(mote_coap_resource_config)`, by `MOTE_COAP_RESOURCE_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * Which of the resource flags.
     */
    uint32_t flags;
    /**
     * The path, not percent-encoded, with a `/` before each segment: `/sensors/1`; `/` is the
     * root. A last segment of `*` stands for one or more segments of any kind.
     */
    struct mote_bytes path;
    /**
     * What handles GET, or NULL: a method without handler gets 4.05.
     */
    mote_coap_handler get;
    /**
     * What handles POST.
     */
    mote_coap_handler post;
    /**
     * What handles PUT.
     */
    mote_coap_handler put;
    /**
     * What handles DELETE.
     */
    mote_coap_handler delete_;
    /**
     * What handles FETCH.
     */
    mote_coap_handler fetch;
    /**
     * What handles PATCH.
     */
    mote_coap_handler patch;
    /**
     * What handles iPATCH.
     */
    mote_coap_handler ipatch;
    /**
     * Attributes for `/.well-known/core` in link format (RFC 6690), each with its semicolon:
     * `;rt="temperature";ct=0`. `obs` is added by itself.
     */
    struct mote_bytes attributes;
    /**
     * The content formats that it can give; NULL for any. A request that accepts none of them
     * gets 4.06.
     */
    const uint16_t *produces;
    /**
     * How many, up to 256.
     */
    size_t produces_count;
    /**
     * The content formats that it takes; NULL for any. Others get 4.15.
     */
    const uint16_t *consumes;
    /**
     * How many, up to 256.
     */
    size_t consumes_count;
    /**
     * The largest body of a request, in bytes; 0 for no limit. Larger ones get 4.13.
     */
    uint32_t max_body;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} mote_coap_resource_config;

/**
 * An answer. Zero means the default; everything is copied before the call returns.
 *
 * The simplest answer gives the whole body each time it is asked, whatever its size: the library
 * cuts out the block that was asked for. A body larger than memory is read from
 * `answer_offset` on instead, and given with `offset` and `more`.
 */
typedef struct mote_coap_response {
    /**
     * `sizeof(mote_coap_response)`, by `MOTE_COAP_RESPONSE_INIT`.
     */
    uint32_t size;
    /**
     * The response code, such as `MOTE_COAP_CONTENT`.
     */
    uint8_t code;
    /**
     * 1: send a notification, or the answer to a non-confirmable request, confirmably.
     */
    uint8_t confirmable;
    /**
     * 1: the body goes on after `payload`. Give an ETag then, so that the peer does not mix
     * blocks of different states.
     */
    uint8_t more;
    /**
     * Must be 0.
     */
    uint8_t reserved;
    /**
     * The options, in any order. Block1, Block2, Size2 and Observe are the library's business.
     */
    const struct mote_coap_option *options;
    /**
     * How many, up to 1024.
     */
    size_t option_count;
    /**
     * The body, or a part of it that holds all of the block that was asked for.
     */
    struct mote_bytes payload;
    /**
     * Where in the body `payload` starts.
     */
    uint32_t offset;
    /**
     * The length of the whole body, if it is known and larger than `payload`.
     */
    uint32_t total;
} mote_coap_response;

/**
 * What a URI says of where it leads.
 */
typedef struct mote_coap_uri {
    /**
     * One of `MOTE_COAP_SCHEME_...`.
     */
    uint32_t scheme;
    /**
     * 1 when the host is an address literal, 0 when it is a name to be looked up.
     */
    uint16_t is_address;
    /**
     * The port: the URI's, or the scheme's.
     */
    uint16_t port;
    /**
     * The address with its port, when the host is a literal; else all zero but the port. The
     * scope is set when the zone is a number.
     */
    struct mote_address address;
    /**
     * The host as it is written; the address without brackets and zone if it is an IPv6 literal.
     */
    struct mote_bytes host;
    /**
     * The zone of a link-local address (RFC 6874), the name of an interface as a rule; may be empty.
     */
    struct mote_bytes zone;
} mote_coap_uri;

/**
 * Is told what became of a look-up, once, by the thread that drives the node; the look-up's
 * memory is the application's again. `addresses` are `count` addresses with port 0, best first,
 * lent until it returns; none unless `status` is success. Otherwise `status` is
 * `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_TIMEOUT` or what the port said.
 */
typedef void (*mote_lookup_callback)(void *user,
                                     mote_status status,
                                     const struct mote_address *addresses,
                                     size_t count);

/**
 * What happened. Members that an event does not speak of are 0.
 */
typedef struct mote_mesh_event {
    /**
     * Which of `MOTE_MESH_JOINED` and the others above.
     */
    uint32_t kind;
    /**
     * `MOTE_OK`, or why something failed.
     */
    mote_status status;
    /**
     * Whose event it is.
     */
    struct mote_mesh *mesh;
    /**
     * The ping or the socket.
     */
    uint32_t handle;
    /**
     * Whom the event is about.
     */
    struct mote_address address;
    /**
     * To which own address or group a datagram came.
     */
    struct mote_address local;
    /**
     * What came; lent until the callback returns.
     */
    struct mote_bytes data;
    /**
     * Milliseconds from a ping to its reply.
     */
    uint32_t round_trip;
    /**
     * RPLInstanceID.
     */
    uint8_t instance;
    /**
     * How many bits of a route's destination count.
     */
    uint8_t prefix_len;
    /**
     * The hop limit with which a reply arrived.
     */
    uint8_t hop_limit;
    /**
     * The type of an ICMPv6 error that was reported.
     */
    uint8_t icmp_type;
    /**
     * Its code.
     */
    uint8_t icmp_code;
    /**
     * 0.
     */
    uint8_t reserved[3];
} mote_mesh_event;

/**
 * Is told of what happens. `event` is lent until it returns. It may call any function of any
 * object, closing this one included.
 */
typedef void (*mote_mesh_callback)(void *user, const struct mote_mesh_event *event);

/**
 * How a node of the mesh is to be. Zero means the default, in every member but `size`, `node`
 * and `eui64`; a capacity of `MOTE_MESH_NONE` means none.
 */
typedef struct mote_mesh_config {
    /**
     * `sizeof(mote_mesh_config)`, by `MOTE_MESH_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * One of `MOTE_MESH_ROUTER` (the default), `MOTE_MESH_LEAF`, `MOTE_MESH_ROOT`, `MOTE_MESH_HOST`.
     */
    uint32_t role;
    /**
     * The node that drives it; required. Its port has a radio, and its config at least two
     * `radio_frames`.
     */
    struct mote_node *node;
    /**
     * Is told of what happens; may be NULL.
     */
    mote_mesh_callback on_event;
    /**
     * Passed to `on_event`.
     */
    void *user;
    /**
     * The EUI-64, most significant byte first; required.
     */
    uint8_t eui64[8];
    /**
     * The PAN ID; `MOTE_MESH_NONE` stands for 0. Default 0xabcd.
     */
    uint16_t pan_id;
    /**
     * The channel, 11 to 26. Default 26.
     */
    uint16_t channel;
    /**
     * Neighbours whose links are known. Default 16.
     */
    uint16_t neighbours;
    /**
     * Downward routes; at a root in non-storing mode, the nodes of the network. Default 16.
     */
    uint16_t routes;
    /**
     * Frames that wait to be sent. Default 8.
     */
    uint16_t queue;
    /**
     * Blocks of 128 bytes for frames that wait and for packets in parts, at most 255; a packet
     * of 1280 bytes takes ten. Default 14.
     */
    uint16_t blocks;
    /**
     * Packets put together from fragments at the same time. Default 3.
     */
    uint16_t reassemblies;
    /**
     * Packets sent in fragments at the same time, at most 254. Default 2.
     */
    uint16_t outgoing;
    /**
     * Own addresses, the link-local one included. Default 3.
     */
    uint16_t addresses;
    /**
     * Multicast groups that can be joined. Default 1.
     */
    uint16_t groups;
    /**
     * UDP sockets. Default 2.
     */
    uint16_t sockets;
    /**
     * Pings under way. Default 1.
     */
    uint16_t pings;
    /**
     * The largest packet that is made, in bytes, all headers included. Default 1328; for a root
     * 2047, so that packets of the largest size can go along long source routes.
     */
    uint16_t packet;
    /**
     * Bytes of the queue of packets for the host side of a border router. Default 0: there is
     * no such side.
     */
    uint16_t host_queue;
    /**
     * Addresses in a border router's registry of hosts without RPL (RFC 6775 section 8.2). Needs a build with the feature
     * `multihop-nd`. Default 0: none is kept.
     */
    uint16_t registry;
    /**
     * 1: no compression context is set from the prefix of the DODAG. For networks with
     * nodes that have another notion of their contexts. Default 0.
     */
    uint16_t no_context;
    /**
     * 1: generic header compression (RFC 7400) is announced to neighbours, and used towards those
     * that announce it. Needs a build with the feature `ghc`. Default 0.
     */
    uint16_t ghc;
    /**
     * 1: the headers of RPL are sent compressed (RFC 8138), which all nodes of the network must
     * understand. Needs a build with the feature `sixlorh`. Default 0.
     */
    uint16_t sixlorh;
    /**
     * 1: a router that has been without a DODAG for a minute becomes the root of a floating one,
     * so that nodes that are cut off reach each other, until a grounded one is heard (RFC 6550
     * section 3.2.4). Default 0.
     */
    uint16_t floating;
    /**
     * Border routers (6LBRs) whose prefixes and contexts a router passes on to its hosts, those of
     * each apart from those of the others (RFC 6775). More than 1 needs a build with the
     * feature `border-routers`. Default 1.
     */
    uint16_t border_routers;
    /**
     * IPv6 packets put together from fragments at the same time (RFC 8200 section 4.5), of up to 1,536 bytes;
     * each takes 1.6 KB. Needs a build with the feature `reassembly`, which also sends packets over
     * 1,280 bytes in fragments. Default 0: a node that sends fragments is told that this node
     * does not know them.
     */
    uint16_t ip_reassemblies;
    /**
     * The only RPLInstanceID whose DODAGs are joined, at most 255; `MOTE_MESH_NONE` stands for 0. Default 0: those of
     * all that are heard.
     */
    uint16_t instance;
    /**
     * Must be 0.
     */
    uint16_t reserved[2];
} mote_mesh_config;

/**
 * What a root announces. Zero means the default.
 */
typedef struct mote_mesh_root_config {
    /**
     * `sizeof(mote_mesh_root_config)`, by `MOTE_MESH_ROOT_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * `MOTE_MESH_NON_STORING` (the default) or `MOTE_MESH_STORING`.
     */
    uint32_t mode;
    /**
     * `MOTE_MESH_MRHOF` (the default, where the build has it), `MOTE_MESH_MRHOF_HOP_COUNT`, `MOTE_MESH_MRHOF_LATENCY`
     * or `MOTE_MESH_OF0`.
     */
    uint32_t objective;
    /**
     * RPLInstanceID, 0 to 127 for a global instance. Default 0.
     */
    uint8_t instance;
    /**
     * DODAGPreference, 0 to 7, of which 7 is preferred most. Default 0.
     */
    uint8_t preference;
    /**
     * 1: the DODAG is floating, not grounded: it leads nowhere. Default 0.
     */
    uint8_t floating;
    /**
     * 1: packets carry the RPL option with type 0x23, which nodes outside skip (RFC 9008).
     * Default 0: type 0x63 (RFC 6553).
     */
    uint8_t option_type_0x23;
    /**
     * The first 64 bits of all addresses of the network. Default `fd00::/64`.
     */
    uint8_t prefix[16];
    /**
     * DIOIntervalMin: trickle's smallest interval is 2 to this power, in milliseconds.
     * Default 12.
     */
    uint16_t interval_min;
    /**
     * DIOIntervalDoublings. Default 8.
     */
    uint16_t interval_doublings;
    /**
     * DIORedundancyConstant; `MOTE_MESH_NONE` suppresses nothing. Default 10.
     */
    uint16_t redundancy;
    /**
     * MinHopRankIncrease. Default 128.
     */
    uint16_t min_hop_rank_increase;
    /**
     * MaxRankIncrease; `MOTE_MESH_NONE` sets no limit. Default 1024.
     */
    uint16_t max_rank_increase;
    /**
     * For how long routes live, in units of `lifetime_unit` seconds; 255 for ever. Default 30.
     */
    uint16_t lifetime;
    /**
     * Seconds. Default 60.
     */
    uint16_t lifetime_unit;
    /**
     * 1: all nodes that can are asked to send the headers of RPL compressed (RFC 8138), by the flag T of the
     * DODAG (RFC 9035); those that cannot join as leaves. Needs a build with the feature
     * `sixlorh`. Default 0.
     */
    uint16_t sixlorh;
} mote_mesh_root_config;

/**
 * A neighbour.
 */
typedef struct mote_mesh_neighbour {
    /**
     * `sizeof(mote_mesh_neighbour)`, set by the caller.
     */
    uint32_t size;
    /**
     * Expected transmissions until a frame is acknowledged, times 128.
     */
    uint16_t etx;
    /**
     * The rank that it advertised last, 65,535 for none.
     */
    uint16_t rank;
    /**
     * Its link-local address.
     */
    struct mote_address address;
    /**
     * Signal strength in dBm, 0 when nothing was received.
     */
    int8_t rssi;
    /**
     * Link quality of the last frame.
     */
    uint8_t lqi;
    /**
     * 1 when it is a preferred parent.
     */
    uint8_t parent;
    /**
     * 0.
     */
    uint8_t reserved;
    /**
     * Unicast frames to it that have ended.
     */
    uint16_t frames;
    /**
     * Those of them that were given up.
     */
    uint16_t failures;
} mote_mesh_neighbour;

/**
 * A downward route.
 */
typedef struct mote_mesh_route {
    /**
     * `sizeof(mote_mesh_route)`, set by the caller.
     */
    uint32_t size;
    /**
     * How many bits of the destination count.
     */
    uint32_t prefix_len;
    /**
     * The destination.
     */
    struct mote_address target;
    /**
     * The next hop in storing mode; at a root in non-storing mode, the destination's parent.
     */
    struct mote_address via;
} mote_mesh_route;

/**
 * A DODAG that the node knows.
 */
typedef struct mote_mesh_dodag {
    /**
     * `sizeof(mote_mesh_dodag)`, set by the caller.
     */
    uint32_t size;
    /**
     * RPLInstanceID.
     */
    uint8_t instance;
    /**
     * DODAGVersionNumber.
     */
    uint8_t version;
    /**
     * Mode of operation: 1 non-storing, 2 storing.
     */
    uint8_t mode;
    /**
     * DODAGPreference.
     */
    uint8_t preference;
    /**
     * 1 when the node is a member.
     */
    uint8_t joined;
    /**
     * 1 when the node is its root.
     */
    uint8_t root;
    /**
     * 1 when it is grounded.
     */
    uint8_t grounded;
    /**
     * 1 when there is a parent.
     */
    uint8_t has_parent;
    /**
     * The node's rank, 65,535 for none.
     */
    uint16_t rank;
    /**
     * MinHopRankIncrease.
     */
    uint16_t min_hop_rank_increase;
    /**
     * DODAGID.
     */
    struct mote_address dodag_id;
    /**
     * The preferred parent's link-local address.
     */
    struct mote_address parent;
} mote_mesh_dodag;

/**
 * Counters, layer by layer. All only grow, and wrap around.
 */
typedef struct mote_mesh_statistics {
    /**
     * `sizeof(mote_mesh_statistics)`, set by the caller.
     */
    uint32_t size;
    /**
     * MAC: frames put on the air, repetitions included.
     */
    uint32_t mac_transmissions;
    /**
     * MAC: frames that ended well.
     */
    uint32_t mac_sent;
    /**
     * MAC: frames given up without acknowledgement.
     */
    uint32_t mac_no_ack;
    /**
     * MAC: frames given up as the channel never was clear.
     */
    uint32_t mac_channel_busy;
    /**
     * MAC: frames refused for want of room.
     */
    uint32_t mac_queue_full;
    /**
     * MAC: frames received for us.
     */
    uint32_t mac_received;
    /**
     * MAC: repetitions dropped.
     */
    uint32_t mac_duplicates;
    /**
     * MAC: frames dropped as malformed or of a kind not supported.
     */
    uint32_t mac_malformed;
    /**
     * 6LoWPAN: packets taken for sending.
     */
    uint32_t lowpan_sent;
    /**
     * 6LoWPAN: packets sent in fragments.
     */
    uint32_t lowpan_fragmented;
    /**
     * 6LoWPAN: packets handed up.
     */
    uint32_t lowpan_received;
    /**
     * 6LoWPAN: frames dropped.
     */
    uint32_t lowpan_dropped;
    /**
     * IPv6: packets received.
     */
    uint32_t ip_received;
    /**
     * IPv6: packets handed to an upper layer.
     */
    uint32_t ip_delivered;
    /**
     * IPv6: packets forwarded.
     */
    uint32_t ip_forwarded;
    /**
     * IPv6: packets of our own.
     */
    uint32_t ip_sent;
    /**
     * IPv6: packets dropped as malformed.
     */
    uint32_t ip_malformed;
    /**
     * IPv6: packets dropped for want of a way.
     */
    uint32_t ip_no_route;
    /**
     * IPv6: packets dropped whose hop limit ran out.
     */
    uint32_t ip_hop_limit;
    /**
     * IPv6: packets dropped as too big.
     */
    uint32_t ip_too_big;
    /**
     * IPv6: packets that the queue did not take.
     */
    uint32_t ip_refused;
    /**
     * ICMPv6: errors sent.
     */
    uint32_t icmp_errors;
    /**
     * ICMPv6: errors not sent, by the rules or by their rate.
     */
    uint32_t icmp_suppressed;
    /**
     * RPL: DIOs sent.
     */
    uint32_t rpl_dio_sent;
    /**
     * RPL: DIOs received.
     */
    uint32_t rpl_dio_received;
    /**
     * RPL: DISs sent.
     */
    uint32_t rpl_dis_sent;
    /**
     * RPL: DAOs sent.
     */
    uint32_t rpl_dao_sent;
    /**
     * RPL: DAOs received.
     */
    uint32_t rpl_dao_received;
    /**
     * RPL: changes of the preferred parent.
     */
    uint32_t rpl_parent_switches;
    /**
     * RPL: packets whose direction contradicted the ranks.
     */
    uint32_t rpl_rank_errors;
    /**
     * RPL: neighbours or routes refused as a table is full.
     */
    uint32_t rpl_table_full;
    /**
     * RPL: DAO-ACKs sent.
     */
    uint32_t rpl_dao_ack_sent;
} mote_mesh_statistics;

/**
 * A property of 5.0 (section 2.2.2.2). Which member holds the value follows from `id`.
 */
typedef struct mote_mqtt_property {
    /**
     * The Property Identifier: one of `MOTE_MQTT_PROPERTY_...`.
     */
    uint32_t id;
    /**
     * The value, where it is a number.
     */
    uint32_t number;
    /**
     * The value, where it is a string or binary data; the name of a User Property.
     */
    struct mote_bytes data;
    /**
     * The value of a User Property.
     */
    struct mote_bytes value;
} mote_mqtt_property;

/**
 * The Will Message (5.0 section 3.1.2.5). Zero means the default.
 */
typedef struct mote_mqtt_will {
    /**
     * `sizeof(mote_mqtt_will)`, by `MOTE_MQTT_WILL_INIT`.
     */
    uint32_t size;
    /**
     * QoS, 0 to 2.
     */
    uint8_t qos;
    /**
     * 1: retained.
     */
    uint8_t retain;
    /**
     * Must be 0.
     */
    uint16_t reserved;
    /**
     * Topic Name; required.
     */
    struct mote_bytes topic;
    /**
     * Payload.
     */
    struct mote_bytes payload;
    /**
     * Will Properties (5.0), up to `MOTE_MQTT_PROPERTIES`.
     */
    const struct mote_mqtt_property *properties;
    /**
     * How many.
     */
    size_t property_count;
} mote_mqtt_will;

/**
 * Names something that was started, until it has ended; 0 is none.
 */
typedef uint32_t mote_mqtt_operation;

/**
 * Names a received message of QoS 1 or 2 until it has been acknowledged; 0 is none.
 */
typedef uint32_t mote_mqtt_token;

/**
 * What happened. All of it is lent until the callback returns.
 */
typedef struct mote_mqtt_event {
    /**
     * One of `MOTE_MQTT_CONNECTED` and so on.
     */
    uint32_t kind;
    /**
     * `MOTE_MQTT_DISCONNECTED`: why. `MOTE_MQTT_ENDED`: success; `MOTE_ERR_REFUSED` by the
     * server, `MOTE_ERR_TIMEOUT` without an answer or by message expiry, `MOTE_ERR_CANCELLED`,
     * `MOTE_ERR_SESSION_LOST`, `MOTE_ERR_FULL` when given up for a newer message,
     * `MOTE_ERR_UNSUPPORTED` or `MOTE_ERR_TOO_LARGE` for this server, `MOTE_ERR_TRANSPORT`,
     * `MOTE_ERR_CLOSED` when the client is being closed.
     */
    mote_status status;
    /**
     * The client.
     */
    struct mote_mqtt *mqtt;
    /**
     * `MOTE_MQTT_ENDED`, `MOTE_MQTT_WANTED`: which operation. 0 for a QoS 0 message that was
     * passed on within `mote_mqtt_publish`. For the callback of
     * `mote_mqtt_request_start`: the request, in every event.
     */
    mote_mqtt_operation operation;
    /**
     * Messages of QoS 1 and 2: for `mote_mqtt_acknowledge`.
     */
    mote_mqtt_token token;
    /**
     * The Reason Code, 0 for none; for several, the first.
     */
    uint8_t reason;
    /**
     * Messages: QoS.
     */
    uint8_t qos;
    /**
     * Messages: 1 if RETAIN is set.
     */
    uint8_t retain;
    /**
     * Messages: 1 if DUP is set.
     */
    uint8_t dup;
    /**
     * `MOTE_MQTT_CONNECTED`: 1 if the server still has our session.
     */
    uint8_t session_present;
    /**
     * `MOTE_MQTT_MESSAGE`, `MOTE_MQTT_PAYLOAD`: 1 if the payload ends here.
     */
    uint8_t last;
    /**
     * 0.
     */
    uint16_t reserved;
    /**
     * Where in its payload this part begins, or the part that is wanted.
     */
    uint32_t offset;
    /**
     * How long the whole payload is.
     */
    uint32_t total;
    /**
     * `MOTE_MQTT_DISCONNECTED`: in how many milliseconds the next attempt is made;
     * `MOTE_MQTT_NO_RETRY` for none, and in every other event.
     */
    uint32_t retry_after;
    /**
     * 0.
     */
    uint32_t reserved2;
    /**
     * `MOTE_MQTT_MESSAGE`: Topic Name.
     */
    struct mote_bytes topic;
    /**
     * The payload, or this part of it.
     */
    struct mote_bytes payload;
    /**
     * `MOTE_MQTT_ENDED` of SUBSCRIBE, and of UNSUBSCRIBE with 5.0: a Reason Code per filter.
     */
    struct mote_bytes reasons;
    /**
     * The properties of the packet; see `mote_mqtt_next_property`.
     */
    struct mote_bytes properties;
} mote_mqtt_event;

/**
 * Is told what happens, by the thread that drives the node. It may call anything,
 * `mote_mqtt_close` included.
 */
typedef void (*mote_mqtt_callback)(void *user, const struct mote_mqtt_event *event);

/**
 * How a client is to be. Zero means the default, in every member but `size`, `node` and
 * `host`. Texts and binary data stay as they are until the client is closed; properties are
 * copied.
 */
typedef struct mote_mqtt_config {
    /**
     * `sizeof(mote_mqtt_config)`, by `MOTE_MQTT_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * Any of the client options, `MOTE_MQTT_FOLLOW_SERVER` and so on.
     */
    uint32_t options;
    /**
     * The node that drives the client; required.
     */
    struct mote_node *node;
    /**
     * The broker's name or address; required.
     */
    struct mote_bytes host;
    /**
     * The broker's port. Default 1883.
     */
    uint16_t port;
    /**
     * Keep Alive in seconds; `MOTE_MQTT_NO_KEEP_ALIVE` for none. Default 60.
     */
    uint16_t keep_alive;
    /**
     * `MOTE_MQTT_V311` or `MOTE_MQTT_V5`. Default 5.0.
     */
    uint8_t version;
    /**
     * 1: Clean Start (5.0, for the first connection after `mote_mqtt_connect`) or Clean Session
     * (3.1.1).
     */
    uint8_t clean_start;
    /**
     * How often to try to connect again in a row; `MOTE_MQTT_NO_RECONNECT` for never. Default
     * 0: without end.
     */
    uint8_t reconnect_tries;
    /**
     * Must be 0.
     */
    uint8_t reserved;
    /**
     * Client Identifier. May be empty with 5.0, or with `clean_start`.
     */
    struct mote_bytes client_id;
    /**
     * User Name; `ptr` NULL for none.
     */
    struct mote_bytes user_name;
    /**
     * Password; `ptr` NULL for none.
     */
    struct mote_bytes password;
    /**
     * The Will Message; NULL for none. The struct itself is copied.
     */
    const struct mote_mqtt_will *will;
    /**
     * Further properties of CONNECT (5.0), up to `MOTE_MQTT_PROPERTIES`.
     */
    const struct mote_mqtt_property *properties;
    /**
     * How many.
     */
    size_t property_count;
    /**
     * Session Expiry Interval in seconds (5.0). Default 0: the session ends with the connection.
     */
    uint32_t session_expiry;
    /**
     * The largest packet that is taken (5.0), in bytes. Default 0: any; payloads come in parts.
     */
    uint32_t maximum_packet_size;
    /**
     * QoS 1 and 2 messages that may be on their way to us. A server of 3.1.1 is not told: what it sends
     * beyond that waits, or comes again over a further connection. Default 20.
     */
    uint16_t receive_maximum;
    /**
     * Topic aliases that the server may use (5.0). Needs a build with the feature `mqtt-alias`. Default 0.
     */
    uint16_t topic_alias_maximum;
    /**
     * How long a connection may take, in milliseconds. Default 30,000.
     */
    uint32_t connect_timeout;
    /**
     * How long PINGRESP, SUBACK and UNSUBACK may take, in milliseconds. Default 20,000.
     */
    uint32_t response_timeout;
    /**
     * Bound of the first delay before connecting again, in milliseconds; it doubles with each
     * attempt, and delays are drawn from 0 to the bound. Default 1000.
     */
    uint32_t reconnect_initial;
    /**
     * The bound grows no further than this, in milliseconds. Default 60,000.
     */
    uint32_t reconnect_ceiling;
    /**
     * Names the session among the records of the port's store, so that what is in flight
     * survives a restart. Needs a build with the feature `mqtt-store`. Default 0: it does not.
     */
    uint32_t store_owner;
    /**
     * Bytes for outgoing messages: topic, properties, payload and 16 more each. Default 2048.
     */
    uint32_t queue;
    /**
     * Bytes for topic filters, each with the properties of its SUBSCRIBE, topic aliases and what the server
     * assigns, each with 16 more. Default 512.
     */
    uint32_t names;
    /**
     * Bytes in which packets are gathered; at least as many as CONNECT and any SUBSCRIBE
     * take. Default 512.
     */
    uint32_t output;
    /**
     * Bytes in which packets are received. All but the payload of a PUBLISH must fit. Default
     * 1024.
     */
    uint32_t input;
    /**
     * Operations with a callback of their own that can be under way. Default 16.
     */
    uint16_t operations;
    /**
     * Handlers of subscriptions. Default 8.
     */
    uint16_t handlers;
    /**
     * QoS 1 and 2 messages that may be on their way to the server; a server of 5.0 may allow
     * less. Default 20.
     */
    uint16_t send_maximum;
    /**
     * Must be 0.
     */
    uint16_t reserved2;
    /**
     * Is told of the connection, of messages without a handler, and of operations without a
     * callback of their own. May be NULL.
     */
    mote_mqtt_callback callback;
    /**
     * Handed to the callback.
     */
    void *user;
    /**
     * Where responses to `mote_mqtt_request_start` are to be sent (5.0): a topic of this client alone.
     */
    struct mote_bytes response_topic;
    /**
     * Requests that can wait for their responses at a time. Default 0: none.
     */
    uint16_t requests;
    /**
     * The largest QoS of responses, 0 to 2.
     */
    uint8_t response_qos;
    /**
     * Must be 0.
     */
    uint8_t reserved3;
    /**
     * Must be 0.
     */
    uint32_t reserved4;
} mote_mqtt_config;

/**
 * Counters of a client. All only grow, and wrap around.
 */
typedef struct mote_mqtt_statistics {
    /**
     * `sizeof(mote_mqtt_statistics)`, set by the caller.
     */
    uint32_t size;
    /**
     * Messages sent whole, repetitions included.
     */
    uint32_t sent;
    /**
     * Messages received, duplicates of QoS 2 left out.
     */
    uint32_t received;
    /**
     * Messages sent again in a resumed session.
     */
    uint32_t repeated;
    /**
     * Connections accepted.
     */
    uint32_t connections;
    /**
     * Operations that have not ended, now; cancelled messages included that are yet to be brought to their end with the server.
     */
    uint32_t pending;
} mote_mqtt_statistics;

/**
 * A message to be published. Zero means the default. Everything is copied before the call
 * returns.
 */
typedef struct mote_mqtt_publish_config {
    /**
     * `sizeof(mote_mqtt_publish_config)`, by `MOTE_MQTT_PUBLISH_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * QoS, 0 to 2.
     */
    uint8_t qos;
    /**
     * 1: RETAIN.
     */
    uint8_t retain;
    /**
     * 1: the payload, of `total` bytes, is given in parts; see `mote_mqtt_publish_chunk`. Needs a build with the
     * feature `mqtt-stream`.
     */
    uint8_t parts;
    /**
     * Must be 0.
     */
    uint8_t reserved;
    /**
     * Topic Name.
     */
    struct mote_bytes topic;
    /**
     * The payload, unless it is given in parts.
     */
    struct mote_bytes payload;
    /**
     * Properties (5.0), up to `MOTE_MQTT_PROPERTIES`. Topic aliases are the library's affair.
     */
    const struct mote_mqtt_property *properties;
    /**
     * How many.
     */
    size_t property_count;
    /**
     * With `parts`, how long the payload is.
     */
    uint32_t total;
    /**
     * Must be 0.
     */
    uint32_t reserved2;
    /**
     * Is told `MOTE_MQTT_ENDED` once, and with `parts` what is `MOTE_MQTT_WANTED`. May be NULL:
     * then the client's callback is.
     */
    mote_mqtt_callback callback;
    /**
     * Handed to the callback.
     */
    void *user;
} mote_mqtt_publish_config;

/**
 * Names a request that waits for its response; 0 is none.
 */
typedef uint32_t mote_mqtt_request;

/**
 * A Topic Filter with Subscription Options (5.0 section 3.8.3.1); 3.1.1 knows the QoS alone, and
 * UNSUBSCRIBE none of them.
 */
typedef struct mote_mqtt_filter {
    /**
     * Topic Filter; `$share/name/filter` for a shared subscription.
     */
    struct mote_bytes filter;
    /**
     * The largest QoS to receive, 0 to 2.
     */
    uint8_t qos;
    /**
     * 1: not what this client publishes.
     */
    uint8_t no_local;
    /**
     * 1: leave RETAIN as it was published.
     */
    uint8_t retain_as_published;
    /**
     * Retained messages: 0 send them, 1 only for a new subscription, 2 do not.
     */
    uint8_t retain_handling;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} mote_mqtt_filter;

/**
 * Subscriptions to be made or ended. Zero means the default. Everything is copied before the
 * call returns.
 */
typedef struct mote_mqtt_subscribe_config {
    /**
     * `sizeof(mote_mqtt_subscribe_config)`, by `MOTE_MQTT_SUBSCRIBE_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * The filters, up to `MOTE_MQTT_FILTERS`.
     */
    const struct mote_mqtt_filter *filters;
    /**
     * How many.
     */
    size_t filter_count;
    /**
     * Properties (5.0), up to `MOTE_MQTT_PROPERTIES`.
     */
    const struct mote_mqtt_property *properties;
    /**
     * How many.
     */
    size_t property_count;
    /**
     * SUBSCRIBE: is told of the messages that match one of the filters. May be NULL: then the
     * client's callback is. Not used by UNSUBSCRIBE. Needs a build with the feature `mqtt-filters`.
     */
    mote_mqtt_callback handler;
    /**
     * Handed to the handler.
     */
    void *handler_user;
    /**
     * Is told `MOTE_MQTT_ENDED` once. May be NULL: then the client's callback is.
     */
    mote_mqtt_callback callback;
    /**
     * Handed to the callback.
     */
    void *user;
} mote_mqtt_subscribe_config;

/**
 * How a node is to be. Zero means the default, in every member but `size` and `port`.
 */
typedef struct mote_node_config {
    /**
     * `sizeof(mote_node_config)`, by `MOTE_NODE_CONFIG_INIT`.
     */
    uint32_t size;
    /**
     * How many objects (CoAP endpoints, MQTT clients, look-ups, ...) can be attached. Default 8.
     */
    uint16_t objects;
    /**
     * How many sockets, connections and name look-ups can be open. A client takes up to 3 while it connects; a mesh takes
     * one for its radio, one for each transport and one for a host's interface. Default 12.
     */
    uint16_t sources;
    /**
     * The system below; required.
     */
    const struct mote_port *port;
    /**
     * The largest datagram that can be received, in bytes. Default 1280. Longer ones are
     * counted and dropped.
     */
    uint32_t receive_size;
    /**
     * How many datagrams are taken from a socket at once. Default 1.
     */
    uint16_t receive_batch;
    /**
     * How many outgoing datagrams are gathered before they are handed to the port together.
     * Default 0: each at once.
     */
    uint16_t send_batch;
    /**
     * The largest datagram that can be gathered, in bytes. Default `receive_size`.
     */
    uint32_t send_size;
    /**
     * How many received frames can wait to be taken; a mesh needs at least 2. Default 0.
     */
    uint16_t radio_frames;
    /**
     * Must be 0.
     */
    uint16_t reserved;
} mote_node_config;

/**
 * Counters of a node. All only grow, and wrap around.
 */
typedef struct mote_node_statistics {
    /**
     * `sizeof(mote_node_statistics)`, set by the caller.
     */
    uint32_t size;
    /**
     * Turns of the loop.
     */
    uint32_t turns;
    /**
     * Datagrams received.
     */
    uint32_t received;
    /**
     * Datagrams handed to the port.
     */
    uint32_t sent;
    /**
     * Datagrams longer than `receive_size`, dropped.
     */
    uint32_t truncated;
    /**
     * Datagrams that could not be sent and were given up; the sender was told.
     */
    uint32_t unsent;
    /**
     * Datagrams for an object that was closed meanwhile, dropped.
     */
    uint32_t orphaned;
    /**
     * Sockets that broke.
     */
    uint32_t broken;
} mote_node_statistics;

/**
 * How every link behaves. Probabilities are in parts per thousand, times in milliseconds.
 */
typedef struct mote_sim_link {
    /**
     * `sizeof(mote_sim_link)`, by `MOTE_SIM_LINK_INIT`.
     */
    uint32_t size;
    /**
     * How long a datagram takes at least. Default 1.
     */
    uint32_t delay;
    /**
     * How much longer it takes at most, drawn anew each time.
     */
    uint32_t jitter;
    /**
     * How often it is lost.
     */
    uint16_t loss;
    /**
     * How often it comes twice.
     */
    uint16_t duplicate;
    /**
     * How often it is held back so that others overtake it.
     */
    uint16_t reorder;
    /**
     * How often one bit of it is flipped.
     */
    uint16_t corrupt;
    /**
     * How long it is held back at most.
     */
    uint32_t reorder_by;
    /**
     * The largest datagram that is taken, in bytes. Default 1232.
     */
    uint32_t max_size;
} mote_sim_link;

/**
 * What has happened on a simulated network. All counters only grow.
 */
typedef struct mote_sim_statistics {
    /**
     * `sizeof(mote_sim_statistics)`, set by the caller.
     */
    uint32_t size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Datagrams sent.
     */
    uint64_t sent;
    /**
     * Datagrams delivered, copies included.
     */
    uint64_t delivered;
    /**
     * Datagrams lost.
     */
    uint64_t lost;
    /**
     * Datagrams for which there was nobody.
     */
    uint64_t unrouted;
} mote_sim_statistics;

/**
 * Options of the Linux port, behind `mote_port.user`. All zero means the defaults; NULL in place of
 * the options means them too. Read while the node is initialised, and not needed afterwards.
 */
typedef struct mote_linux_options {
    /**
     * `sizeof(mote_linux_options)`.
     */
    uint32_t size;
    /**
     * Messages above this `MOTE_LOG_...` level are not written to standard error; 0 for
     * `MOTE_LOG_WARNING`.
     */
    uint32_t log_level;
    /**
     * The directory of the store, which is made if its parent exists; empty for no store. It is
     * for this node alone. `write` and `remove` return when the file system says that all is on the medium.
     */
    struct mote_bytes store_directory;
    /**
     * The file that all datagrams and frames are captured to, in the pcapng format; empty for no
     * capture. What the file held is lost. A capture that cannot be written any further ends, with a warning.
     */
    struct mote_bytes capture_path;
    /**
     * The peers of a radio over UDP in ZEP version 2 framing: `zep_peer_count` addresses, each of which gets
     * every frame sent. A single one may be a dispatcher, such as `mote-zep-switch`. Port 0 stands for
     * 17754. No peers: no radio.
     */
    const struct mote_address *zep_peers;
    /**
     * How many peers there are.
     */
    size_t zep_peer_count;
    /**
     * Where the radio's socket is bound; all zero for any address and a free port.
     */
    struct mote_address zep_local;
    /**
     * For how many microseconds a wait looks for input over and over before it sleeps, at most 1000; 0 for not at
     * all. Waking a processor that sleeps takes longer than many an answer does: where requests follow each other
     * closely this shortens their way, at the price of up to that much processor time for a wait. Looking in
     * vain becomes rarer each time, down to one wait in 1024.
     */
    uint32_t spin_us;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * For how many microseconds a wait sleeps before it listens, at most 1000. Where messages follow each other closely, being
     * woken for each takes more processor time than the message itself, and about as much again from whoever sends it
     * on the same machine. What comes during such a rest comes together, up to that much later, and the system may take
     * some 50 microseconds more. Nothing that is due already waits for it.
     *
     * 0 for what is right mostly: waits rest only while TCP connections, and nothing else, end more than 20,000 of them a second. Where
     * nothing is answered on these, for no more than 500 microseconds; where something is, for 50, and only as long as more
     * bytes come in the same time than without. Not at all where `spin_us` says to look at once. `MOTE_LINUX_NO_REST` for never.
     */
    uint32_t rest_us;
    /**
     * Must be 0.
     */
    uint32_t reserved2;
} mote_linux_options;

/**
 * Success.
 */
#define MOTE_OK 0

/**
 * An argument is NULL, out of range or contradicts another.
 */
#define MOTE_ERR_INVALID (-1)

/**
 * The block of memory handed over is too small for the configuration.
 */
#define MOTE_ERR_NO_MEMORY (-2)

/**
 * A table or queue of fixed capacity is full; try again once something has ended.
 */
#define MOTE_ERR_FULL (-3)

/**
 * The handle names nothing that is alive.
 */
#define MOTE_ERR_STALE (-4)

/**
 * Not allowed in the present state.
 */
#define MOTE_ERR_STATE (-5)

/**
 * Nothing could be taken or given now without blocking; try again later.
 */
#define MOTE_ERR_WOULD_BLOCK (-6)

/**
 * Larger than the buffer, the message or the peer's limit allows.
 */
#define MOTE_ERR_TOO_LARGE (-7)

/**
 * The input breaks the rules of its format.
 */
#define MOTE_ERR_MALFORMED (-8)

/**
 * Not in this build, or the port lacks the service.
 */
#define MOTE_ERR_UNSUPPORTED (-9)

/**
 * The peer did not answer in time.
 */
#define MOTE_ERR_TIMEOUT (-10)

/**
 * The peer said that it has no such exchange, or broke the connection.
 */
#define MOTE_ERR_RESET (-11)

/**
 * Ended by the application.
 */
#define MOTE_ERR_CANCELLED (-12)

/**
 * The transport below was lost.
 */
#define MOTE_ERR_TRANSPORT (-13)

/**
 * The peer refused.
 */
#define MOTE_ERR_REFUSED (-14)

/**
 * There is no such thing.
 */
#define MOTE_ERR_NOT_FOUND (-15)

/**
 * No way leads to the destination.
 */
#define MOTE_ERR_UNREACHABLE (-16)

/**
 * Identity or protection of the peer could not be established.
 */
#define MOTE_ERR_SECURITY (-17)

/**
 * The port failed for a reason of its own.
 */
#define MOTE_ERR_IO (-18)

/**
 * Closed in an orderly way, by us or by the peer.
 */
#define MOTE_ERR_CLOSED (-19)

/**
 * The configuration comes from a newer header and asks for what this build lacks.
 */
#define MOTE_ERR_VERSION (-20)

/**
 * The address or port is in use, or not ours.
 */
#define MOTE_ERR_ADDRESS_IN_USE (-21)

/**
 * The peer broke the protocol.
 */
#define MOTE_ERR_PROTOCOL (-22)

/**
 * The session that this belonged to is gone.
 */
#define MOTE_ERR_SESSION_LOST (-23)

/**
 * An iteration has no more elements.
 */
#define MOTE_ERR_END (-24)

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Reads an IPv4 or IPv6 literal, without brackets, port or scope, into `address->ip`; the
 * other members become 0.
 *
 * `text` is lent for the call. `address` is written only on success.
 * `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_MALFORMED` when the text is no literal. Any thread.
 */
mote_status mote_address_parse(struct mote_bytes text, struct mote_address *address);

/**
 * Writes an address as `a.b.c.d:port`, `[v6]:port` or `[v6%scope]:port`, without a NUL.
 *
 * `text` has room for `capacity` bytes, of which `MOTE_ADDRESS_TEXT` always suffice; `len`
 * gets the number of bytes written. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_TOO_LARGE` when
 * there is too little room. Any thread.
 */
mote_status mote_address_format(const struct mote_address *address,
                                uint8_t *text,
                                size_t capacity,
                                size_t *len);

/**
 * Makes a simulated channel at time 0 with places for nodes, none of which is there yet.
 *
 * ```c
 * mote_air_config config = { MOTE_AIR_CONFIG_INIT, .nodes = 25, .seed = 1 };
 * mote_status status = mote_air_new(&config, &air);
 * status = mote_air_port(air, 0, &node_config.port);
 * ```
 *
 * It is freed by `mote_air_free`. `MOTE_ERR_INVALID` for NULL or a member out of its range,
 * `MOTE_ERR_VERSION`.
 */
mote_status mote_air_new(const struct mote_air_config *config, struct mote_air **air);

/**
 * Frees a simulated channel. Every node on it must have been closed. NULL is a no-op.
 */
void mote_air_free(struct mote_air *air);

/**
 * The port for the node at place `id`; it belongs to the channel. It has a clock, entropy and a
 * radio, and cannot wait: the node is driven by `mote_air_run`. Its node needs `radio_frames`, at
 * least 4.
 *
 * `MOTE_ERR_NOT_FOUND` for a place that there is not, `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_air_port(struct mote_air *air, uint32_t id, const struct mote_port **port);

/**
 * Switches on the node at place `id`: from now on `mote_air_run` drives it.
 *
 * `node` was made with the port of that place and stays open until `mote_air_detach`.
 * `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_INVALID`.
 */
mote_status mote_air_attach(struct mote_air *air, uint32_t id, struct mote_node *node);

/**
 * Switches off the node at place `id`, as when its battery is empty; it can be closed then.
 *
 * `MOTE_ERR_NOT_FOUND`, also when none was there; `MOTE_ERR_INVALID`.
 */
mote_status mote_air_detach(struct mote_air *air, uint32_t id);

/**
 * Sets the link from one place to another, in that direction: `delivery` frames in a thousand
 * arrive, at `rssi` dBm; 0 cuts the link.
 *
 * `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_INVALID` for a delivery over 1000 or NULL.
 */
mote_status mote_air_set_link(struct mote_air *air,
                              uint32_t from,
                              uint32_t to,
                              uint32_t delivery,
                              int8_t rssi);

/**
 * Lets time pass up to `until` milliseconds: frames arrive and the nodes do what is due, in the
 * order of virtual time. All callbacks run inside this function; they may call anything but
 * functions of the channel.
 *
 * `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_air_run(struct mote_air *air, uint64_t until);

/**
 * The virtual time in milliseconds. `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_air_now(struct mote_air *air, uint64_t *now);

/**
 * Starts to capture every frame that is sent. `MOTE_ERR_IO`, `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_air_capture(struct mote_air *air);

/**
 * Ends the capture and lends it, as a pcap file of frames with their check sequences (link type
 * 195), until the next capture is ended or the channel is freed.
 *
 * `MOTE_ERR_STATE` when none was started, `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_air_captured(struct mote_air *air, struct mote_bytes *capture);

/**
 * Copies the channel's counters.
 *
 * `statistics->size` must be `sizeof(mote_air_statistics)` of the caller's header; no more is
 * written. `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_air_get_statistics(struct mote_air *air, struct mote_air_statistics *statistics);

/**
 * Copies what is known of the place `id`.
 *
 * `place->size` must be `sizeof(mote_air_place)` of the caller's header; no more is written.
 * `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_air_get_place(struct mote_air *air, uint32_t id, struct mote_air_place *place);

/**
 * How many bytes `mote_coap_init` needs for `config`, whatever the alignment of the block.
 *
 * `config->node` may be NULL here. `MOTE_ERR_INVALID` for NULL or a member out of its range (some of
 * these only `mote_coap_init` finds), `MOTE_ERR_VERSION` for a config from a newer header that asks for
 * what this build lacks. Any thread.
 */
mote_status mote_coap_size(const struct mote_coap_config *config,
                           size_t *size);

/**
 * Makes an endpoint, client and server in one, in `memory`, which is its until
 * `mote_coap_close`. A node takes any number of endpoints.
 *
 * ```c
 * static uint8_t memory[MOTE_COAP_MEM(4, 8, 1152)];
 * mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .node = node };
 * mote_status status = mote_coap_init(memory, sizeof memory, &config, &coap);
 * ```
 *
 * `memory` has `memory_size` bytes at any alignment; `MOTE_COAP_MEM` suffices for the default
 * config, `mote_coap_size` tells for any other. The config is copied. The endpoint listens at
 * once.
 *
 * `MOTE_ERR_INVALID` for NULL or a member out of its range; `MOTE_ERR_NO_MEMORY` when the block
 * is too small; `MOTE_ERR_FULL` when the node has no room for another object or socket;
 * `MOTE_ERR_UNSUPPORTED` when the port has no UDP; `MOTE_ERR_ADDRESS_IN_USE`, `MOTE_ERR_NOT_FOUND` when `local` is no address of this system, `MOTE_ERR_IO`;
 * `MOTE_ERR_STALE` when the node or the transport is closed; `MOTE_ERR_STATE` when the transport
 * has another owner; `MOTE_ERR_VERSION`.
 */
mote_status mote_coap_init(uint8_t *memory,
                           size_t memory_size,
                           const struct mote_coap_config *config,
                           struct mote_coap **coap);

/**
 * Closes the endpoint and gives its memory back. NULL is a no-op.
 *
 * The callback of every request under way is called once more, with `MOTE_ERR_CLOSED`, before
 * this returns; exchanges and resources are forgotten. What is observed is deregistered at its
 * server, once and without waiting for an answer (RFC 7641 section 3.6). May be called inside any
 * callback, of this endpoint too. `MOTE_ERR_STALE` when it is closed already.
 */
mote_status mote_coap_close(struct mote_coap *coap);

/**
 * The address and port that the endpoint receives at.
 *
 * `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`, also when the socket was lost.
 */
mote_status mote_coap_local_address(const struct mote_coap *coap, struct mote_address *address);

/**
 * Copies the endpoint's counters.
 *
 * `statistics->size` must be `sizeof(mote_coap_statistics)` of the caller's header; no more is
 * written. `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_coap_get_statistics(const struct mote_coap *coap,
                                     struct mote_coap_statistics *statistics);

/**
 * Receives what is sent to a group (RFC 7252 section 8), such as All CoAP Nodes, `ff02::fd` and
 * 224.0.1.187. Resources with `MOTE_COAP_MULTICAST` and `/.well-known/core` answer.
 *
 * `group->scope` is the interface, 0 for all that suit; its port is not used.
 * `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_UNSUPPORTED`, `MOTE_ERR_STALE`, and what the port says.
 */
mote_status mote_coap_join(struct mote_coap *coap, const struct mote_address *group);

/**
 * Ends what `mote_coap_join` began. The same statuses.
 */
mote_status mote_coap_leave(struct mote_coap *coap, const struct mote_address *group);

/**
 * Takes the next link of a document (RFC 6690 section 2).
 *
 * `rest` is what is left of the document, at first all of it; it is moved on. The link points
 * into the document. `MOTE_ERR_END` after the last; `MOTE_ERR_MALFORMED` where the grammar is
 * broken; `MOTE_ERR_INVALID` for NULL. Any thread.
 */
mote_status mote_coap_link_next(struct mote_bytes *rest, struct mote_coap_link *link);

/**
 * Takes the next attribute of a link.
 *
 * `rest` is what is left of `link.attributes`, at first all of it; it is moved on. The attribute
 * points into it. `MOTE_ERR_END` after the last; `MOTE_ERR_MALFORMED`, `MOTE_ERR_INVALID` for
 * NULL. Any thread.
 */
mote_status mote_coap_attribute_next(struct mote_bytes *rest,
                                     struct mote_coap_attribute *attribute);

/**
 * Writes the value of an attribute with its escapes resolved, without a NUL.
 *
 * `text` has room for `capacity` bytes, of which `attribute->value.len` always suffice; `len`
 * gets the number written. `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_INVALID` for NULL. Any thread.
 */
mote_status mote_coap_attribute_value(const struct mote_coap_attribute *attribute,
                                      uint8_t *text,
                                      size_t capacity,
                                      size_t *len);

/**
 * Whether a link is asked for by a filter such as `rt=light*` (RFC 6690 section 4.1).
 *
 * `matches` gets 1 or 0. `MOTE_ERR_MALFORMED` when `filter` is no name and value or the link's
 * attributes break the grammar, `MOTE_ERR_INVALID` for NULL. Any thread.
 */
mote_status mote_coap_link_matches(const struct mote_coap_link *link,
                                   struct mote_bytes filter,
                                   uint32_t *matches);

/**
 * Starts a request like `mote_coap_start`, to a URI whose host may be a name: that is looked up first.
 *
 * ```c
 * static uint8_t memory[MOTE_COAP_NAME_MEM];
 * mote_coap_request_config config = { MOTE_COAP_REQUEST_CONFIG_INIT, .callback = on_data };
 * config.uri = (mote_bytes)MOTE_STR("coap://localhost/data");
 * mote_status status = mote_coap_start_by_name(memory, sizeof memory, coap, &config, NULL, NULL);
 * ```
 *
 * `memory` has `memory_size` bytes. It is the request's, and what `config` points to must stay
 * as it is, until the callback gets the last event or the look-up is cancelled. `config` itself is copied.
 *
 * Where the name stands for several addresses the first is asked, and the next when no answer came from there
 * because no way leads to it, nobody listens there, or, for a method that may be done twice (all but POST and PATCH), in time; as long
 * as less than `timeout` of `config` (EXCHANGE_LIFETIME, if that is not given) has passed since the first was
 * asked. The callback is told of the last alone.
 *
 * `request` is set to 0, and to the request's name once that is started, for each address anew, until the last
 * event; it may be NULL.
 * `lookup` is set to what `mote_lookup_cancel` takes before that, after which no callback is
 * called, or to NULL when none is needed because the host is a literal or `config->remote` says
 * where to; it may be NULL, too. Cancel the look-up before the endpoint's memory is used for
 * something else.
 *
 * When the look-up or the request's start fails later, the callback gets its one last event,
 * `MOTE_COAP_ENDED`, with the reason: `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_TIMEOUT`, what
 * `mote_coap_start` says, `MOTE_ERR_CLOSED` when the endpoint was closed meanwhile.
 *
 * The statuses of `mote_coap_start` and `mote_lookup_start`.
 */
mote_status mote_coap_start_by_name(uint8_t *memory,
                                    size_t memory_size,
                                    struct mote_coap *coap,
                                    const struct mote_coap_request_config *config,
                                    mote_coap_request *request,
                                    struct mote_lookup **lookup);

/**
 * Takes the next option, in the order of their numbers (RFC 7252 section 3.1).
 *
 * `options` is moved on. `option->value` is lent as long as the message. `MOTE_ERR_END` after
 * the last, `MOTE_ERR_INVALID` for NULL. Any thread.
 */
mote_status mote_coap_option_next(struct mote_coap_options *options,
                                  struct mote_coap_option *option);

/**
 * Finds the first option with this number.
 *
 * `options` stays as it is. `option->value` is lent as long as the message.
 * `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_INVALID` for NULL. Any thread.
 */
mote_status mote_coap_option_find(const struct mote_coap_options *options,
                                  uint16_t number,
                                  struct mote_coap_option *option);

/**
 * Writes problem details (RFC 9290 section 2), to be sent as the payload of an error response.
 *
 * `body` has room for `capacity` bytes; `len` gets the number written. `MOTE_ERR_INVALID` for
 * NULL, when nothing is said at all, or a direction without language; `MOTE_ERR_MALFORMED` for a
 * text that is no UTF-8; `MOTE_ERR_TOO_LARGE` when there is too little room;
 * `MOTE_ERR_VERSION`. Any thread.
 */
mote_status mote_coap_problem_write(const struct mote_coap_problem *problem,
                                    uint8_t *body,
                                    size_t capacity,
                                    size_t *len);

/**
 * Reads problem details. Entries that are not known are passed over (RFC 9290 section 3).
 *
 * `problem->size` must be `sizeof(mote_coap_problem)` of the caller's header; the texts point into
 * `body`. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_MALFORMED`. Any thread.
 */
mote_status mote_coap_problem_read(struct mote_bytes body, struct mote_coap_problem *problem);

/**
 * One of the numbers of options that could not be processed (RFC 9290 section 3.1.1), counted from 0.
 *
 * `MOTE_ERR_END` beyond the last, `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_MALFORMED`. Any thread.
 */
mote_status mote_coap_problem_unprocessed(struct mote_bytes body, size_t index, uint16_t *option);

/**
 * Starts a request (RFC 7252 section 5). Its callback gets exactly one event with `last` set, from
 * `mote_node_run`, `mote_node_poll` or `mote_coap_close`, never from inside this call; and none when this call fails.
 *
 * ```c
 * mote_coap_request_config config = { MOTE_COAP_REQUEST_CONFIG_INIT, .method = MOTE_COAP_FETCH };
 * config.uri = (mote_bytes)MOTE_STR("coap://[fd00::1]/data"), config.callback = on_data;
 * mote_status status = mote_coap_start(coap, &config, &request);
 * ```
 *
 * `config` and what it points to is copied, but for a payload with `payload_stays`. `request` may be NULL. When NSTART requests are
 * outstanding at the peer it waits for its turn.
 *
 * `MOTE_ERR_INVALID` for NULL, a config that contradicts itself or a code that is no method;
 * `MOTE_ERR_MALFORMED` for a text that is no URI; `MOTE_ERR_UNSUPPORTED` for a scheme other
 * than `coap`, and for what the build lacks; `MOTE_ERR_NOT_FOUND` when the URI names a host and `remote` does not say where
 * that is (`mote_coap_start_by_name` finds out); `MOTE_ERR_FULL` when `requests`, `peers` or `pool` of the endpoint are used up;
 * `MOTE_ERR_TOO_LARGE` when the options leave no room in a message; `MOTE_ERR_STALE`,
 * `MOTE_ERR_VERSION`, and what the transport says.
 */
mote_status mote_coap_start(struct mote_coap *coap,
                            const struct mote_coap_request_config *config,
                            mote_coap_request *request);

/**
 * Asks whether the peer is there (RFC 7252 section 4.3). Ends with `MOTE_COAP_ENDED`, with success if
 * it is.
 *
 * `request` may be NULL. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_FULL`, `MOTE_ERR_STALE`, and
 * what the transport says.
 */
mote_status mote_coap_ping(struct mote_coap *coap,
                           const struct mote_address *remote,
                           mote_coap_callback callback,
                           void *user,
                           mote_coap_request *request);

/**
 * Gives the block that `MOTE_COAP_NEED_BLOCK` asked for, inside the callback or later.
 *
 * `bytes` starts at the `offset` of that event and holds its `length` bytes, fewer only at the
 * end of the body; it is copied. `more` is 1 when the body goes on after it.
 *
 * `MOTE_ERR_STATE` when no block is wanted, `MOTE_ERR_INVALID` when more is to follow but too
 * little was given, `MOTE_ERR_FULL` (try again), `MOTE_ERR_STALE`. In builds with the feature `coap-block`.
 */
mote_status mote_coap_supply(struct mote_coap *coap,
                             mote_coap_request request,
                             struct mote_bytes bytes,
                             uint32_t more);

/**
 * Ends a request. An observation is deregistered at the peer (RFC 7641 section 3.6). The last event,
 * with `MOTE_ERR_CANCELLED`, comes from the node's next turn, never from inside this call.
 *
 * `MOTE_ERR_STALE` when it has ended already, `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_coap_cancel(struct mote_coap *coap, mote_coap_request request);

/**
 * Adds a resource.
 *
 * ```c
 * static const mote_coap_resource_config clock = { MOTE_COAP_RESOURCE_CONFIG_INIT, .get = get_clock,
 *     .path = MOTE_STR("/clock"), .flags = MOTE_COAP_OBSERVABLE };
 * mote_status status = mote_coap_resource_add(coap, &clock, NULL, &resource);
 * ```
 *
 * `config` and all that it points to must stay as it is until the resource is removed or the
 * endpoint closed. `user` is handed to the handlers. `resource` may be NULL.
 *
 * `MOTE_ERR_INVALID` for NULL, unknown flags or a path without `/` in front; `MOTE_ERR_MALFORMED` for a path or attributes
 * that are no UTF-8 or no link format; `MOTE_ERR_FULL` when `resources` of the endpoint are used up;
 * `MOTE_ERR_VERSION`, `MOTE_ERR_STALE`.
 */
mote_status mote_coap_resource_add(struct mote_coap *coap,
                                   const struct mote_coap_resource_config *config,
                                   void *user,
                                   mote_coap_resource *resource);

/**
 * Removes a resource. Its observers are told 4.04 (RFC 7641 section 4.2); requests under way may still
 * be answered.
 *
 * `MOTE_ERR_STALE` when it is gone already, `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_coap_resource_remove(struct mote_coap *coap, mote_coap_resource resource);

/**
 * Tells that the state of a resource has changed. Its handler is asked for the state once for
 * each observer, or with `MOTE_COAP_SHARED` for several at once, with `MOTE_COAP_CAUSE_NOTIFY`,
 * from the node's next turns; changes in between coalesce (RFC 7641 section 4.5).
 *
 * From another thread: post a function to the node that calls this (`mote_node_post`).
 * `MOTE_ERR_STALE` for a resource that is gone, `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_coap_notify(struct mote_coap *coap, mote_coap_resource resource);

/**
 * Answers a request, in its handler or later. A confirmable request that waits longer than
 * `ack_delay` is acknowledged by itself, and gets this as a separate response (RFC 7252 section 5.2.2).
 *
 * From another thread: post a function to the node that calls this (`mote_node_post`).
 *
 * `MOTE_ERR_STALE` when it was answered already or nobody waits any more; `MOTE_ERR_INVALID`
 * for NULL, a code that is no response or a payload that does not hold what was asked for;
 * `MOTE_ERR_TOO_LARGE` when the options leave no room; `MOTE_ERR_FULL` when the pool is used
 * up; `MOTE_ERR_VERSION`. After any of these but `MOTE_ERR_STALE` it may be answered again; a
 * notification for which there is no room is asked for anew a little later instead.
 */
mote_status mote_coap_respond(struct mote_coap *coap,
                              mote_coap_exchange exchange,
                              const struct mote_coap_response *response);

/**
 * Answers a request with a code, a content format and a whole body: `mote_coap_respond` with
 * nothing but these. Without payload there is no content format.
 *
 * Every status of `mote_coap_respond`.
 */
mote_status mote_coap_reply(struct mote_coap *coap,
                            mote_coap_exchange exchange,
                            uint8_t code,
                            uint16_t content_format,
                            struct mote_bytes payload);

/**
 * How many peers observe resources of this endpoint at present.
 *
 * `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`. In builds with the feature `coap-observe`.
 */
mote_status mote_coap_observers(const struct mote_coap *coap, size_t *count);

/**
 * Gets the resource at `uri`, which ends with a NUL: `mote_coap_start` with nothing but these.
 *
 * `request` may be NULL. Every status of `mote_coap_start`.
 */
mote_status mote_coap_get(struct mote_coap *coap,
                          const char *uri,
                          mote_coap_callback callback,
                          void *user,
                          mote_coap_request *request);

/**
 * Observes the resource at `uri`, which ends with a NUL (RFC 7641): the callback gets its state
 * now and whenever it changes, until `mote_coap_cancel`.
 *
 * `request` may be NULL. Every status of `mote_coap_start`. In builds with the feature `coap-observe`.
 */
mote_status mote_coap_observe(struct mote_coap *coap,
                              const char *uri,
                              mote_coap_callback callback,
                              void *user,
                              mote_coap_request *request);

/**
 * Sends `payload`, in the given content format, to the resource at `uri`, which ends with a
 * NUL. `method` is `MOTE_COAP_PUT`, `MOTE_COAP_POST` and so on.
 *
 * The payload must stay as it is until the last event: the library takes it from there block by
 * block when it is large. `request` may be NULL. Every status of `mote_coap_start`.
 */
mote_status mote_coap_send(struct mote_coap *coap,
                           uint8_t method,
                           const char *uri,
                           uint16_t content_format,
                           struct mote_bytes payload,
                           mote_coap_callback callback,
                           void *user,
                           mote_coap_request *request);

/**
 * Checks a URI and says where it leads (RFC 7252 section 6.4, steps 1 to 6).
 *
 * `text` is lent; the results point into it. `uri` is written only on success.
 * `MOTE_ERR_MALFORMED` when it is no absolute URI, has a fragment or user information;
 * `MOTE_ERR_UNSUPPORTED` for another scheme; `MOTE_ERR_TOO_LARGE` when a part is longer than
 * its option may be; `MOTE_ERR_INVALID` for NULL. Any thread.
 */
mote_status mote_coap_uri_parse(struct mote_bytes text, struct mote_coap_uri *uri);

/**
 * Takes a URI apart into options (RFC 7252 section 6.4, steps 5 to 9), percent-encodings resolved.
 *
 * `destination` is where the request goes, NULL for where the URI says. The values are written
 * to `buffer` of `buffer_size` bytes, as many as `text` always suffice, and stay there; the
 * options, at most `capacity`, to `options`, and their number to `count`.
 *
 * The statuses of `mote_coap_uri_parse`; `MOTE_ERR_TOO_LARGE` also when there is too little
 * room. Any thread.
 */
mote_status mote_coap_uri_options(struct mote_bytes text,
                                  const struct mote_address *destination,
                                  uint8_t *buffer,
                                  size_t buffer_size,
                                  struct mote_coap_option *options,
                                  size_t capacity,
                                  size_t *count);

/**
 * Puts a URI together from options (RFC 7252 section 6.5). Those that say nothing of it are passed over.
 *
 * `uri_scheme` is one of `MOTE_COAP_SCHEME_...`, `destination` where the request went or goes. The
 * options are `given`, in the order of their numbers, `count` of them, or if `given` is NULL those of
 * the message in `message`. The URI is written, without a NUL, to `text` of `capacity` bytes, and its
 * length to `len`.
 *
 * `MOTE_ERR_INVALID` for NULL, an unknown scheme, options out of order; `MOTE_ERR_MALFORMED`
 * when Uri-Host is no host; `MOTE_ERR_TOO_LARGE` when there is too little room. Any thread.
 */
mote_status mote_coap_uri_compose(uint32_t uri_scheme,
                                  const struct mote_address *destination,
                                  const struct mote_coap_option *given,
                                  size_t count,
                                  const struct mote_coap_options *message,
                                  uint8_t *text,
                                  size_t capacity,
                                  size_t *len);

/**
 * Looks a host name up; an address literal stands for itself. The callback is called once, from
 * `mote_node_run` or `mote_node_poll`, never from inside this call; and not at all when this call fails or
 * `mote_lookup_cancel` comes first.
 *
 * ```c
 * static uint8_t memory[MOTE_LOOKUP_MEM];
 * mote_bytes host = MOTE_STR("example.com");
 * mote_status status = mote_lookup_start(memory, sizeof memory, node, host, 10000, on_address, NULL, NULL);
 * ```
 *
 * `memory` is the look-up's until the callback is called or it is cancelled. `host` is copied.
 * `timeout` is in milliseconds; 0 stands for 30,000. `lookup` may be NULL.
 *
 * `MOTE_ERR_INVALID` for NULL or an empty name; `MOTE_ERR_NO_MEMORY` when the block is too
 * small; `MOTE_ERR_FULL` when the node or the port has no room for it; `MOTE_ERR_UNSUPPORTED`
 * when the port resolves no names; `MOTE_ERR_STALE` when the node is closed.
 */
mote_status mote_lookup_start(uint8_t *memory,
                              size_t memory_size,
                              struct mote_node *node,
                              struct mote_bytes host,
                              uint32_t timeout,
                              mote_lookup_callback callback,
                              void *user,
                              struct mote_lookup **lookup);

/**
 * Ends a look-up without calling its callback; its memory is the application's again. NULL is
 * a no-op. `MOTE_ERR_STALE` when it has ended already.
 */
mote_status mote_lookup_cancel(struct mote_lookup *lookup);

/**
 * How many bytes `mote_mesh_init` needs for `config`, whatever the alignment of the block.
 *
 * `config->node` may be NULL here. `MOTE_ERR_INVALID` for NULL or a member out of its range (some of
 * these only `mote_mesh_init` finds), `MOTE_ERR_VERSION` for a config from a newer header that asks for
 * what this build lacks. Any thread.
 */
mote_status mote_mesh_size(const struct mote_mesh_config *config,
                           size_t *size);

/**
 * Makes a node of the mesh in `memory`, which is its until `mote_mesh_close`. It is idle until
 * it is started with `mote_mesh_join` or `mote_mesh_start_root`.
 *
 * ```c
 * mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .node = node, .eui64 = { 2, 0, 0, 0, 0, 0, 0, 1 } };
 * mote_status status = mote_mesh_init(memory, sizeof memory, &config, &mesh);
 * if (status == MOTE_OK) status = mote_mesh_join(mesh);
 * ```
 *
 * `memory` has `memory_size` bytes at any alignment; `mote_mesh_size` tells how many are needed.
 * The config is copied.
 *
 * `MOTE_ERR_INVALID` for NULL or a member out of its range; `MOTE_ERR_NO_MEMORY` when the block
 * is too small; `MOTE_ERR_FULL` when the node has no room for another object;
 * `MOTE_ERR_UNSUPPORTED` when the port has no radio; `MOTE_ERR_STATE` when the node has no
 * `radio_frames`, or drives a mesh already: there is one radio; `MOTE_ERR_STALE` when the node is closed; `MOTE_ERR_VERSION`; what the radio
 * says.
 */
mote_status mote_mesh_init(uint8_t *memory,
                           size_t memory_size,
                           const struct mote_mesh_config *config,
                           struct mote_mesh **mesh);

/**
 * Closes the node of the mesh, turns the radio off and gives the memory back. NULL is a no-op.
 *
 * Objects that took a transport over are told first that it is lost, which may call their callbacks.
 * Each ping under way ends with a last `MOTE_MESH_PING_FAILED`, whose status is `MOTE_ERR_CLOSED`, before this
 * returns. May be called inside any callback, of this object too.
 * `MOTE_ERR_STALE` when it is closed already.
 */
mote_status mote_mesh_close(struct mote_mesh *mesh);

/**
 * Looks for a DODAG (or, as a host, for a router) and joins it; the node does so by itself from
 * then on. Ends in `MOTE_MESH_JOINED` and `MOTE_MESH_ADDRESS`.
 *
 * `MOTE_ERR_STATE` when it was started already or its role is root; `MOTE_ERR_INVALID`,
 * `MOTE_ERR_STALE`, what the radio says.
 */
mote_status mote_mesh_join(struct mote_mesh *mesh);

/**
 * Becomes the root of a DODAG. Ends in `MOTE_MESH_JOINED` and `MOTE_MESH_ADDRESS`.
 *
 * `root` is copied. `MOTE_ERR_STATE` when it was started already or its role is another;
 * `MOTE_ERR_INVALID` for NULL, a prefix that is none or a parameter out of range;
 * `MOTE_ERR_STALE`, `MOTE_ERR_VERSION`, what the radio says.
 */
mote_status mote_mesh_start_root(struct mote_mesh *mesh, const struct mote_mesh_root_config *root);

/**
 * As the root of the instance, has every node choose its place in the DODAG anew.
 *
 * `MOTE_ERR_STATE` when this node is not the root, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_repair(struct mote_mesh *mesh, uint8_t instance);

/**
 * Sends an echo request with `data`. Ends in exactly one `MOTE_MESH_PING_REPLY` or
 * `MOTE_MESH_PING_FAILED`, the latter after `timeout` milliseconds at the latest.
 *
 * `hop_limit` 0 is the default; with a `timeout` of 0 it fails at the node's next turn. `data` is lent for the call.
 * `ping` gets the handle that the event carries. `MOTE_ERR_FULL` when as many pings as configured are under way, or the queue is
 * full; `MOTE_ERR_UNREACHABLE` without a way or an own address; `MOTE_ERR_TOO_LARGE`,
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_ping(struct mote_mesh *mesh,
                           const struct mote_address *address,
                           uint8_t hop_limit,
                           uint32_t timeout,
                           struct mote_bytes data,
                           uint32_t *ping);

/**
 * Gives up a ping. `MOTE_MESH_PING_FAILED` with `MOTE_ERR_CANCELLED` comes from the node's next turn, never from
 * inside this call.
 *
 * `MOTE_ERR_STALE` when it has ended already, `MOTE_ERR_INVALID`.
 */
mote_status mote_mesh_ping_cancel(struct mote_mesh *mesh,
                                  uint32_t ping);

/**
 * Opens a UDP socket at `local`: its port, or a free one if that is 0; its address, or all own
 * addresses and groups if that is `::`. Datagrams come as `MOTE_MESH_UDP`.
 *
 * `MOTE_ERR_ADDRESS_IN_USE`, `MOTE_ERR_FULL`, `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_udp_open(struct mote_mesh *mesh,
                               const struct mote_address *local,
                               uint32_t *socket);

/**
 * Closes a UDP socket; no event follows. `MOTE_ERR_STALE` when it is closed already, `MOTE_ERR_STATE` when it is
 * a transport, which its owner closes; `MOTE_ERR_INVALID`.
 */
mote_status mote_mesh_udp_close(struct mote_mesh *mesh,
                                uint32_t socket);

/**
 * Sends a datagram from a socket to `remote`.
 *
 * `data` is lent for the call. `MOTE_ERR_FULL` or `MOTE_ERR_WOULD_BLOCK` when the queue is full:
 * try again later; `MOTE_ERR_UNREACHABLE` without a way or an own address;
 * `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_udp_send(struct mote_mesh *mesh,
                               uint32_t socket,
                               const struct mote_address *remote,
                               struct mote_bytes data);

/**
 * Opens a UDP socket over the mesh as a transport for another object, such as a CoAP endpoint:
 * `mote_coap_config.transport`. `local` as in `mote_mesh_udp_open`.
 *
 * It is closed with the object that takes it over, or with the mesh. `MOTE_ERR_ADDRESS_IN_USE`,
 * `MOTE_ERR_FULL`, `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_udp_transport(struct mote_mesh *mesh,
                                    const struct mote_address *local,
                                    mote_transport *transport);

/**
 * Listens to a multicast group, or no longer when `join` is 0.
 *
 * `MOTE_ERR_INVALID` for NULL or what is no group, `MOTE_ERR_FULL`, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_group(struct mote_mesh *mesh, const struct mote_address *group, uint8_t join);

/**
 * Hands an IPv6 packet from the host side of a border router to the mesh, which takes it at its
 * next turn. Packets the other way come as `MOTE_MESH_HOST_PACKET`.
 *
 * `packet` is copied before the call returns. `MOTE_ERR_WOULD_BLOCK` when `host_queue` has no
 * room now; `MOTE_ERR_UNREACHABLE` when it is 0; `MOTE_ERR_TOO_LARGE` over 65,535 bytes;
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_host_packet(struct mote_mesh *mesh, struct mote_bytes packet);

/**
 * Opens a network interface of the host as the host side of this border router, routes the mesh's
 * prefix into it, and passes packets both ways from now on. There is no
 * `MOTE_MESH_HOST_PACKET` any more.
 *
 * Call it after `MOTE_MESH_ADDRESS`. `name` may be empty: the host chooses one. `address`, with
 * the prefix of `prefix_len` bits that it is in, becomes the host's on this interface; it must
 * not be of the mesh's prefix, and may be NULL. `MOTE_ERR_STATE` without an own address, with a
 * `host_queue` of 0, and when it is open already; `MOTE_ERR_UNSUPPORTED` when the port has no such
 * interfaces, or the host does not let us have one; `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`, what the
 * port says.
 */
mote_status mote_mesh_host_open(struct mote_mesh *mesh,
                                struct mote_bytes name,
                                const struct mote_address *address,
                                uint8_t prefix_len);

/**
 * The neighbour at place `index`, counted from 0.
 *
 * `neighbour->size` must be set. Places change when neighbours come and go.
 * `MOTE_ERR_END` past the last one, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_get_neighbour(const struct mote_mesh *mesh,
                                    uint32_t index,
                                    struct mote_mesh_neighbour *neighbour);

/**
 * The downward route at place `index`, counted from 0.
 *
 * `route->size` must be set. Places change when routes come and go.
 * `MOTE_ERR_END` past the last one, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_get_route(const struct mote_mesh *mesh,
                                uint32_t index,
                                struct mote_mesh_route *route);

/**
 * The DODAG at place `index`, counted from 0, joined or not.
 *
 * `dodag->size` must be set. `MOTE_ERR_END` past the last one, `MOTE_ERR_INVALID`,
 * `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_get_dodag(const struct mote_mesh *mesh,
                                uint32_t index,
                                struct mote_mesh_dodag *dodag);

/**
 * The own address at place `index`, counted from 0; the link-local one first.
 *
 * Addresses that are still being registered are left out. `MOTE_ERR_END` past the last one,
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_get_address(const struct mote_mesh *mesh,
                                  uint32_t index,
                                  struct mote_address *address);

/**
 * Copies the counters.
 *
 * `statistics->size` must be `sizeof(mote_mesh_statistics)` of the caller's header; no more is
 * written. `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mesh_get_statistics(const struct mote_mesh *mesh,
                                     struct mote_mesh_statistics *statistics);

/**
 * How many bytes `mote_mqtt_init` needs for `config`, whatever the alignment of the block.
 *
 * `config->node` may be NULL here. `MOTE_ERR_INVALID` for NULL or a member out of its range (some of
 * these only `mote_mqtt_init` finds),
 * `MOTE_ERR_TOO_LARGE` for too many properties, `MOTE_ERR_VERSION` for a config from a newer
 * header that asks for what this build lacks. Any thread.
 */
mote_status mote_mqtt_size(const struct mote_mqtt_config *config,
                           size_t *size);

/**
 * Makes a client in `memory`, which is its until `mote_mqtt_close`. It is not connected yet.
 *
 * ```c
 * static uint8_t memory[MOTE_MQTT_MEM];
 * mote_mqtt_config config = { MOTE_MQTT_CONFIG_INIT, .node = node, .host = MOTE_STR("broker"), .callback = on_event };
 * mote_status status = mote_mqtt_init(memory, sizeof memory, &config, &mqtt);
 * ```
 *
 * `memory` has `memory_size` bytes at any alignment; `MOTE_MQTT_MEM` suffices for the default
 * config, `mote_mqtt_size` tells for any other. The config is copied; what its texts point to is
 * not.
 *
 * `MOTE_ERR_INVALID` for NULL or a member out of its range, or an empty client identifier where
 * there must be one; `MOTE_ERR_NO_MEMORY` when the block is too small; `MOTE_ERR_FULL` when the
 * node has no room for another object; `MOTE_ERR_UNSUPPORTED` for a version that this build
 * lacks, or a store that the port lacks; `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_STALE`,
 * `MOTE_ERR_VERSION`.
 */
mote_status mote_mqtt_init(uint8_t *memory,
                           size_t memory_size,
                           const struct mote_mqtt_config *config,
                           struct mote_mqtt **mqtt);

/**
 * Closes the client and gives its memory back. NULL is a no-op.
 *
 * The connection is dropped without DISCONNECT, so that the server publishes the Will Message;
 * `mote_mqtt_disconnect` first for an orderly end. The callback of every operation and request under way that has one
 * of its own is called once more, with `MOTE_ERR_CLOSED`, before this returns; with the store, messages of
 * QoS 1 and 2 go on after the next start all the same. May be called inside any callback.
 * `MOTE_ERR_STALE` when it is closed already.
 */
mote_status mote_mqtt_close(struct mote_mqtt *mqtt);

/**
 * Connects, and stays connected as far as the config says. Ends with `MOTE_MQTT_CONNECTED`, or
 * with a `MOTE_MQTT_DISCONNECTED` whose `retry_after` is `MOTE_MQTT_NO_RETRY`.
 *
 * `MOTE_ERR_STATE` when a connection stands or is being tried, `MOTE_ERR_VERSION` when the
 * store holds a session of the other protocol version, `MOTE_ERR_FULL` or
 * `MOTE_ERR_TOO_LARGE` when it holds more than the queue, `MOTE_ERR_TOO_LARGE` when CONNECT has no room in
 * `output`, `MOTE_ERR_INVALID` for NULL or when the config cannot be said in a CONNECT (a will with a bad
 * topic or QoS, a password without a user name in 3.1.1, a property that does not belong there),
 * `MOTE_ERR_IO`, `MOTE_ERR_STALE`.
 */
mote_status mote_mqtt_connect(struct mote_mqtt *mqtt);

/**
 * Ends the connection, or the attempts, with DISCONNECT. Ends with `MOTE_MQTT_DISCONNECTED`.
 *
 * `reason` is 0, or for 5.0 another Disconnect Reason Code, such as 4 to have the Will Message
 * published. `properties` (5.0) may be NULL if `property_count` is 0. Messages that were not
 * acknowledged stay queued for the next `mote_mqtt_connect`.
 *
 * `MOTE_ERR_STATE` without a connection or an attempt, `MOTE_ERR_INVALID` for NULL, or a code
 * or property that DISCONNECT may not have, `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_WOULD_BLOCK` when
 * there is no room to send it now, `MOTE_ERR_STALE`.
 */
mote_status mote_mqtt_disconnect(struct mote_mqtt *mqtt,
                                 uint8_t reason,
                                 const struct mote_mqtt_property *properties,
                                 size_t property_count);

/**
 * Gives up an operation that has not been sent. Its last event, with `MOTE_ERR_CANCELLED`, comes from the node's next
 * turn, never from inside this call. A message given in parts can be given up in their midst; that breaks the connection,
 * and one of QoS 2 that the server had whole over an earlier connection may be delivered by it all the same.
 *
 * `MOTE_ERR_STALE` when there is none (any more) or the client is closed, `MOTE_ERR_STATE`
 * when it is under way, `MOTE_ERR_INVALID`, or what the store says, which would bring it back: it is not given up then.
 */
mote_status mote_mqtt_cancel(struct mote_mqtt *mqtt,
                             mote_mqtt_operation operation);

/**
 * Acknowledges a received message, with `MOTE_MQTT_DEFERRED` alone. A `reason` of 0x80 or more
 * refuses it (5.0). Those of each QoS leave in the order of their messages.
 *
 * `MOTE_ERR_STALE` when there is nothing to acknowledge: done already, or the session or, with
 * QoS 1, the connection is gone, after which the message comes again. `MOTE_ERR_INVALID` for a
 * Reason Code that PUBACK and PUBREC may not have, `MOTE_ERR_UNSUPPORTED` where the build lacks it.
 */
mote_status mote_mqtt_acknowledge(struct mote_mqtt *mqtt, mote_mqtt_token token, uint8_t reason);

/**
 * Sends the client's part of enhanced authentication (5.0 section 4.12): `reason` 0x18 to continue,
 * after `MOTE_MQTT_AUTHENTICATION`, or 0x19 to authenticate again while connected. The method is
 * the one given to CONNECT.
 *
 * `MOTE_ERR_STATE` without a connection, `MOTE_ERR_INVALID` when CONNECT had no Authentication
 * Method, `MOTE_ERR_WOULD_BLOCK` without room to send, `MOTE_ERR_UNSUPPORTED` in a build without the feature
 * `mqtt-auth`, `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_STALE`.
 */
mote_status mote_mqtt_authenticate(struct mote_mqtt *mqtt,
                                   uint8_t reason,
                                   struct mote_bytes data);

/**
 * Whether the server has accepted us and the connection stands: 1 or 0.
 *
 * `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
 */
mote_status mote_mqtt_is_connected(const struct mote_mqtt *mqtt, uint8_t *connected);

/**
 * The Client Identifier: the one assigned by the server, if it assigned one. Lent until the
 * next call that concerns this client.
 *
 * `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
 */
mote_status mote_mqtt_client_id(const struct mote_mqtt *mqtt, struct mote_bytes *client_id);

/**
 * Copies the client's counters. `statistics->size` must be `sizeof(mote_mqtt_statistics)` of
 * the caller's header; no more is written.
 *
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mqtt_get_statistics(const struct mote_mqtt *mqtt,
                                     struct mote_mqtt_statistics *statistics);

/**
 * Whether a Topic Filter matches a Topic Name (5.0 section 4.7), as success or `MOTE_ERR_NOT_FOUND`.
 * A shared subscription matches by its filter.
 *
 * `MOTE_ERR_INVALID` for a filter or a name that is none. Any thread.
 */
mote_status mote_mqtt_topic_matches(struct mote_bytes filter, struct mote_bytes name);

/**
 * Takes the next property off the front of `properties`, which begins as a copy of the
 * `properties` of an event.
 *
 * ```c
 * mote_bytes rest = event->properties;
 * mote_mqtt_property property;
 * while (mote_mqtt_next_property(&rest, &property) == MOTE_OK) look_at(&property);
 * ```
 *
 * What `property` points to lies in the event. `MOTE_ERR_END` when there is none left,
 * `MOTE_ERR_INVALID` for NULL. Any thread.
 */
mote_status mote_mqtt_next_property(struct mote_bytes *properties,
                                    struct mote_mqtt_property *property);

/**
 * Publishes a message.
 *
 * ```c
 * mote_mqtt_publish_config message = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = 1, .callback = on_done };
 * message.topic = (mote_bytes)MOTE_STR("sensors/1"), message.payload = reading;
 * mote_status status = mote_mqtt_publish(mqtt, &message, &operation);
 * ```
 *
 * Without a connection, and while the server takes no more, messages queue up. With the store,
 * a message of QoS 1 or 2 is kept there before this returns. `operation` may be NULL; it becomes
 * 0 for a QoS 0 message that was passed on at once. The callback is called all the same, and always from the node's next
 * turns, never from inside this call.
 *
 * `MOTE_ERR_INVALID` for NULL, a bad topic, QoS or property; `MOTE_ERR_FULL` when the queue or
 * `operations` are used up; `MOTE_ERR_UNSUPPORTED` for what the build lacks; `MOTE_ERR_TOO_LARGE`,
 * `MOTE_ERR_STALE`, `MOTE_ERR_VERSION`, and what the store says. Nothing is published then.
 */
mote_status mote_mqtt_publish(struct mote_mqtt *mqtt,
                              const struct mote_mqtt_publish_config *config,
                              mote_mqtt_operation *operation);

/**
 * Gives the next part of a payload after `MOTE_MQTT_WANTED`, and says how much of it was taken.
 * If not all, the rest will be wanted again. The message is complete with its last byte. Nothing
 * else can be sent in its midst. With QoS 1 or 2 the whole payload is wanted again, from 0 on,
 * when the connection broke.
 *
 * `MOTE_ERR_STATE` when it is not this message's turn, `MOTE_ERR_TOO_LARGE` for more than was
 * announced, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_mqtt_publish_chunk(struct mote_mqtt *mqtt,
                                    mote_mqtt_operation operation,
                                    struct mote_bytes data,
                                    size_t *taken);

/**
 * Publishes a request, and waits for the response to it (5.0 section 4.10): a message to the `response_topic` of
 * the client's config that carries the Correlation Data of this request.
 *
 * ```c
 * mote_mqtt_publish_config question = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = 1, .callback = on_reading };
 * question.topic = (mote_bytes)MOTE_STR("meter/7/ask"), question.payload = (mote_bytes)MOTE_STR("reading?");
 * mote_status status = mote_mqtt_request_start(mqtt, &question, 5000, NULL);
 * ```
 *
 * `message->callback` is told of the response: by `MOTE_MQTT_MESSAGE`, and `MOTE_MQTT_PAYLOAD` when it comes in
 * parts, as any handler; then by `MOTE_MQTT_ENDED`, which comes exactly once, and without a response says why there
 * is none: `MOTE_ERR_TIMEOUT` after `timeout` milliseconds (0 stands for 30,000), `MOTE_ERR_NOT_FOUND` when the
 * server says that nobody listens, `MOTE_ERR_CANCELLED`, `MOTE_ERR_CLOSED`, or how publishing or subscribing failed.
 * `event->operation` is the request throughout. With `MOTE_MQTT_DEFERRED` acknowledge the response as any message.
 *
 * The message gets a Response Topic, Correlation Data, and unless it has one a Message Expiry Interval that suits the
 * time-out. Responses are subscribed to with the first request. `request` may be NULL.
 *
 * `MOTE_ERR_UNSUPPORTED` when the config has no `requests`, or with 3.1.1; `MOTE_ERR_FULL` when as many wait; `MOTE_ERR_INVALID` for a
 * message in parts; and every status of `mote_mqtt_publish` and `mote_mqtt_subscribe`. In builds with the features `mqtt-v5` and
 * `mqtt-requests`.
 */
mote_status mote_mqtt_request_start(struct mote_mqtt *mqtt,
                                    const struct mote_mqtt_publish_config *message,
                                    uint32_t timeout,
                                    mote_mqtt_request *request);

/**
 * Gives up a request. Its last event, with `MOTE_ERR_CANCELLED`, comes from the node's next turn, never from inside
 * this call; if it has not been sent yet, it is not sent any more.
 *
 * `MOTE_ERR_STALE` when it has ended already or the client is closed, `MOTE_ERR_INVALID` for NULL. In builds with the
 * features `mqtt-v5` and `mqtt-requests`.
 */
mote_status mote_mqtt_request_cancel(struct mote_mqtt *mqtt,
                                     mote_mqtt_request request);

/**
 * Publishes the response to a request (5.0 section 4.10): to its Response Topic, with its Correlation Data.
 *
 * `event` is the `MOTE_MQTT_MESSAGE` that brought the request, during its callback. The topic of `message` is not used; all else is
 * as for `mote_mqtt_publish`, whose statuses these are; `MOTE_ERR_NOT_FOUND` when no response is wanted. In builds with
 * the features `mqtt-v5` and `mqtt-requests`.
 */
mote_status mote_mqtt_respond(struct mote_mqtt *mqtt,
                              const struct mote_mqtt_event *event,
                              const struct mote_mqtt_publish_config *message,
                              mote_mqtt_operation *operation);

/**
 * Subscribes. Messages that match go to `handler`; the subscriptions are made again by
 * themselves when the server has lost the session, with their options and the properties given here.
 *
 * Where subscriptions overlap, every handler whose subscription takes the message is told, in the
 * order of the subscriptions, each once. A subscription with a Subscription Identifier (5.0) takes
 * the messages that carry it, one without those whose topic its filter matches; when that is none,
 * all take it whose filter matches. A server may send one copy of a message, or one for each of the
 * overlapping subscriptions. In the latter case identifiers keep the copies apart; without them
 * each copy goes to each handler, so that nothing is missed but something may be seen twice.
 * Deferred acknowledgement is by message: one `mote_mqtt_acknowledge`, whoever gives it.
 *
 * A filter that is subscribed to already gets the new handler at once; in the midst of a message
 * that one is told the rest.
 *
 * ```c
 * mote_mqtt_filter filter = { MOTE_STR("sensors/#"), .qos = 1 };
 * mote_mqtt_subscribe_config wanted = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = &filter, .filter_count = 1, .handler = on_reading };
 * mote_status status = mote_mqtt_subscribe(mqtt, &wanted, NULL);
 * ```
 *
 * `operation` may be NULL. `MOTE_ERR_INVALID` for NULL, no filter, a bad one or a bad property;
 * `MOTE_ERR_FULL` when the queue, the room for names, `operations` or `handlers` are used up;
 * `MOTE_ERR_TOO_LARGE` for too many filters or a packet that has no room in `output`;
 * `MOTE_ERR_UNSUPPORTED` for a handler where the build has none; `MOTE_ERR_STALE`, `MOTE_ERR_VERSION`.
 */
mote_status mote_mqtt_subscribe(struct mote_mqtt *mqtt,
                                const struct mote_mqtt_subscribe_config *config,
                                mote_mqtt_operation *operation);

/**
 * Unsubscribes. Messages find their handler until the server has confirmed.
 *
 * As `mote_mqtt_subscribe`; the options of the filters and the handler are not used.
 */
mote_status mote_mqtt_unsubscribe(struct mote_mqtt *mqtt,
                                  const struct mote_mqtt_subscribe_config *config,
                                  mote_mqtt_operation *operation);

/**
 * How many bytes `mote_node_init` needs for `config`, whatever the alignment of the block.
 *
 * `MOTE_ERR_INVALID` for NULL or a port without clock or entropy, `MOTE_ERR_NO_MEMORY` when no block could
 * be that large, `MOTE_ERR_VERSION` for a config from a newer header that asks for what this build lacks. Any thread.
 */
mote_status mote_node_size(const struct mote_node_config *config,
                           size_t *size);

/**
 * Makes a node in `memory`, which is the node's until `mote_node_close`.
 *
 * ```c
 * static uint8_t memory[MOTE_NODE_MEM];
 * mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };
 * mote_node *node;
 * mote_status status = mote_node_init(memory, sizeof memory, &config, &node);
 * ```
 *
 * `memory` has `memory_size` bytes at any alignment; `MOTE_NODE_MEM` suffices for the default
 * config, `mote_node_size` tells for any other. The config is copied, the port's tables are
 * not. The node is driven by one thread at a time.
 *
 * `MOTE_ERR_INVALID` for NULL, an unusable size or a port without clock or entropy;
 * `MOTE_ERR_VERSION`; `MOTE_ERR_NO_MEMORY` when the block is too small; what the port's `open`
 * and `fill` say.
 */
mote_status mote_node_init(uint8_t *memory,
                           size_t memory_size,
                           const struct mote_node_config *config,
                           struct mote_node **node);

/**
 * Closes the node and gives its memory back. NULL is a no-op. Functions that were posted and not called yet are not called.
 *
 * `MOTE_ERR_STATE` inside a callback of `mote_node_run` or `mote_node_poll`, and while something is attached: close
 * those objects first; `MOTE_ERR_STALE` when it is closed already.
 */
mote_status mote_node_close(struct mote_node *node);

/**
 * Waits at most `timeout` milliseconds for something to do, does it, and returns.
 *
 * Call it in a loop. 0 does not wait; `UINT64_MAX` waits without end. It also returns early, having done nothing, and does
 * no more than so much at once: what is left is done by the next call. Callbacks run inside this function or
 * `mote_node_poll`, and inside a `mote_..._close` that says so.
 *
 * `MOTE_ERR_STATE` inside a callback of this function or `mote_node_poll`, `MOTE_ERR_UNSUPPORTED` when the port cannot
 * wait (use `mote_node_poll` then), `MOTE_ERR_IO` when waiting fails, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_node_run(struct mote_node *node,
                          uint64_t timeout);

/**
 * Does everything that is due now, without waiting.
 *
 * For applications with a loop of their own: call it when the descriptor of
 * `mote_node_descriptor` is readable, or, where there is none, when `mote_node_next_deadline` has come and after
 * a wake-up. Calling it more often is harmless.
 *
 * `MOTE_ERR_STATE` inside a callback of this function or `mote_node_run`, `MOTE_ERR_IO`, `MOTE_ERR_INVALID`,
 * `MOTE_ERR_STALE`.
 */
mote_status mote_node_poll(struct mote_node *node);

/**
 * When `mote_node_poll` must be called next if nothing comes in: a time of the port's clock
 * in milliseconds, 0 for now, `UINT64_MAX` for no deadline.
 *
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_node_next_deadline(const struct mote_node *node, uint64_t *deadline);

/**
 * A descriptor to poll for readability in the application's own loop. From now on it is readable
 * whenever `mote_node_poll` has something to do, deadlines included. It belongs to the node.
 *
 * `MOTE_ERR_UNSUPPORTED` where the port has none, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_node_descriptor(struct mote_node *node, int32_t *descriptor);

/**
 * The time of the port's clock in milliseconds, as the node sees it: inside a callback, the
 * time at which the node woke.
 *
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_node_now(const struct mote_node *node, uint64_t *now);

/**
 * Ends the present or the next wait of the node soon. Any thread, any interrupt, as long as the node is not closed.
 *
 * `MOTE_ERR_UNSUPPORTED` where the port cannot be woken, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_node_wake(struct mote_node *node);

/**
 * Has `function(node, user)` called by the thread that drives the node, at its next turn, and
 * wakes it. Any thread, any interrupt, as long as the node is not closed; lock-free. Up to 16 posts wait.
 *
 * This is how another thread completes a deferred response, notifies observers or publishes:
 * by doing it in the function it posts. The function may call what a callback may.
 *
 * `MOTE_ERR_FULL` when as many wait, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_node_post(struct mote_node *node,
                           void (*function)(struct mote_node *node, void *user),
                           void *user);

/**
 * Copies the node's counters.
 *
 * `statistics->size` must be `sizeof(mote_node_statistics)` of the caller's header; no more is
 * written. `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_node_get_statistics(const struct mote_node *node,
                                     struct mote_node_statistics *statistics);

/**
 * The port that a node was made with; lent as long as the node.
 *
 * `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_node_port(const struct mote_node *node, const struct mote_port **port);

/**
 * Hands a received frame to the node and wakes it. Any thread, any interrupt, as long as the node is not closed; lock-free.
 *
 * `frame` is the frame without its FCS, which was right; it is copied before the call
 * returns. `lqi` is the link quality, 0 to 255, `rssi` the signal strength in dBm.
 *
 * `MOTE_ERR_FULL` when the node has not yet taken as many frames as its config's
 * `radio_frames`; the frame is lost then, and its sender repeats it unless the radio
 * acknowledged it. `MOTE_ERR_UNSUPPORTED` when that number is 0, `MOTE_ERR_TOO_LARGE` over 125
 * bytes, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_radio_received(struct mote_node *node,
                                struct mote_bytes frame,
                                uint8_t lqi,
                                int8_t rssi);

/**
 * Tells the node how the transmission begun last has ended, and wakes it. Exactly once for each
 * transmission. Any thread, any interrupt, as long as the node is not closed; lock-free.
 *
 * `result` is one of `MOTE_RADIO_SENT`, `MOTE_RADIO_NO_ACK`, `MOTE_RADIO_BUSY`,
 * `MOTE_RADIO_FAILED`; `attempts` says how often the frame was on the air, 0 when not known.
 *
 * `MOTE_ERR_FULL` as in `mote_radio_received`: the node then finds out by time.
 * `MOTE_ERR_UNSUPPORTED`, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
 */
mote_status mote_radio_sent(struct mote_node *node, uint32_t result, uint8_t attempts);

/**
 * Makes an empty simulated network at time 0, whose chances follow from `seed`.
 *
 * ```c
 * mote_sim *sim;
 * mote_status status = mote_sim_new(1, &sim);
 * status = mote_sim_host(sim, &address, &node_config.port);
 * ```
 *
 * It is freed by `mote_sim_free`. `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_sim_new(uint64_t seed, struct mote_sim **sim);

/**
 * Frees a simulated network. Every node on it must have been closed. NULL is a no-op.
 */
void mote_sim_free(struct mote_sim *sim);

/**
 * Adds a device with an address, and gives the port for its node.
 *
 * `port` belongs to the simulation. It has a clock, entropy and UDP, and cannot wait: drive the node
 * by `mote_sim_run`. `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_sim_host(struct mote_sim *sim,
                          const struct mote_address *address,
                          const struct mote_port **port);

/**
 * Sets how every link behaves from now on.
 *
 * `link` is copied. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_VERSION`.
 */
mote_status mote_sim_set_link(struct mote_sim *sim, const struct mote_sim_link *link);

/**
 * Lets time pass up to `until` milliseconds: datagrams arrive and the nodes do what is due, in
 * the order of virtual time. All callbacks run inside this function.
 *
 * `nodes` are `count` nodes on ports of this simulation. `MOTE_ERR_INVALID` for NULL,
 * `MOTE_ERR_STATE` when a node spins, and what `mote_node_poll` says.
 */
mote_status mote_sim_run(struct mote_sim *sim,
                         struct mote_node *const *nodes,
                         size_t count,
                         uint64_t until);

/**
 * The virtual time in milliseconds. `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_sim_now(const struct mote_sim *sim, uint64_t *now);

/**
 * Starts to capture every datagram as it is sent, those that get lost included.
 * `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_sim_capture(struct mote_sim *sim);

/**
 * The capture so far, as a pcap file of IP packets that Wireshark reads; lent until something
 * is sent or the simulation is freed. `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_sim_captured(const struct mote_sim *sim, struct mote_bytes *capture);

/**
 * Copies the counters. `statistics->size` must be `sizeof(mote_sim_statistics)` of the caller's
 * header; no more is written. `MOTE_ERR_INVALID` for NULL.
 */
mote_status mote_sim_get_statistics(const struct mote_sim *sim,
                                    struct mote_sim_statistics *statistics);

/**
 * A few English words for a status, for logs. The text lives for ever and has no NUL at its
 * end. An unknown number gives `unknown status`. Any thread, any interrupt.
 */
struct mote_bytes mote_status_str(mote_status status);

/**
 * The version of the library as `major << 16 | minor << 8 | patch`; compare it with
 * `MOTE_VERSION_...` of the header. Any thread, any interrupt.
 */
uint32_t mote_version(void);

/**
 * The services of Linux, for `mote_node_config.port`. In builds for Linux alone.
 *
 * The table is constant, lives as long as the program and serves any number of nodes. To give
 * options, copy it and put a pointer to `mote_linux_options` behind `user`:
 *
 * ```c
 * mote_linux_options options = { MOTE_LINUX_OPTIONS_INIT, .log_level = MOTE_LOG_DEBUG };
 * mote_port port = *mote_port_linux();
 * port.user = &options;
 * ```
 *
 * Never NULL. Any thread.
 */
const struct mote_port *mote_port_linux(void);

/*
 * What the first member of a structure is set to; all others are zero, their default, or named after it:
 * `mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };`
 */
#if defined(__cplusplus) && __cplusplus < 202002L
#define MOTE_SIZE_(type) (uint32_t)sizeof(type)
#else
#define MOTE_SIZE_(type) .size = (uint32_t)sizeof(type)
#endif
#define MOTE_AIR_CONFIG_INIT MOTE_SIZE_(mote_air_config)
#define MOTE_PORT_CLOCK_INIT MOTE_SIZE_(mote_port_clock)
#define MOTE_PORT_ENTROPY_INIT MOTE_SIZE_(mote_port_entropy)
#define MOTE_PORT_ALARM_INIT MOTE_SIZE_(mote_port_alarm)
#define MOTE_PORT_UDP_INIT MOTE_SIZE_(mote_port_udp)
#define MOTE_PORT_TCP_INIT MOTE_SIZE_(mote_port_tcp)
#define MOTE_PORT_RESOLVER_INIT MOTE_SIZE_(mote_port_resolver)
#define MOTE_PORT_RADIO_INIT MOTE_SIZE_(mote_port_radio)
#define MOTE_PORT_STORE_INIT MOTE_SIZE_(mote_port_store)
#define MOTE_PORT_LOG_INIT MOTE_SIZE_(mote_port_log)
#define MOTE_PORT_TAP_INIT MOTE_SIZE_(mote_port_tap)
#define MOTE_PORT_TUN_INIT MOTE_SIZE_(mote_port_tun)
#define MOTE_PORT_INIT MOTE_SIZE_(mote_port)
#define MOTE_AIR_STATISTICS_INIT MOTE_SIZE_(mote_air_statistics)
#define MOTE_AIR_PLACE_INIT MOTE_SIZE_(mote_air_place)
#define MOTE_COAP_PARAMS_INIT MOTE_SIZE_(mote_coap_params)
#define MOTE_COAP_CONFIG_INIT MOTE_SIZE_(mote_coap_config)
#define MOTE_COAP_STATISTICS_INIT MOTE_SIZE_(mote_coap_statistics)
#define MOTE_COAP_REQUEST_CONFIG_INIT MOTE_SIZE_(mote_coap_request_config)
#define MOTE_COAP_PROBLEM_INIT MOTE_SIZE_(mote_coap_problem)
#define MOTE_COAP_RESOURCE_CONFIG_INIT MOTE_SIZE_(mote_coap_resource_config)
#define MOTE_COAP_RESPONSE_INIT MOTE_SIZE_(mote_coap_response)
#define MOTE_MESH_CONFIG_INIT MOTE_SIZE_(mote_mesh_config)
#define MOTE_MESH_ROOT_CONFIG_INIT MOTE_SIZE_(mote_mesh_root_config)
#define MOTE_MESH_NEIGHBOUR_INIT MOTE_SIZE_(mote_mesh_neighbour)
#define MOTE_MESH_ROUTE_INIT MOTE_SIZE_(mote_mesh_route)
#define MOTE_MESH_DODAG_INIT MOTE_SIZE_(mote_mesh_dodag)
#define MOTE_MESH_STATISTICS_INIT MOTE_SIZE_(mote_mesh_statistics)
#define MOTE_MQTT_WILL_INIT MOTE_SIZE_(mote_mqtt_will)
#define MOTE_MQTT_CONFIG_INIT MOTE_SIZE_(mote_mqtt_config)
#define MOTE_MQTT_STATISTICS_INIT MOTE_SIZE_(mote_mqtt_statistics)
#define MOTE_MQTT_PUBLISH_CONFIG_INIT MOTE_SIZE_(mote_mqtt_publish_config)
#define MOTE_MQTT_SUBSCRIBE_CONFIG_INIT MOTE_SIZE_(mote_mqtt_subscribe_config)
#define MOTE_NODE_CONFIG_INIT MOTE_SIZE_(mote_node_config)
#define MOTE_NODE_STATISTICS_INIT MOTE_SIZE_(mote_node_statistics)
#define MOTE_SIM_LINK_INIT MOTE_SIZE_(mote_sim_link)
#define MOTE_SIM_STATISTICS_INIT MOTE_SIZE_(mote_sim_statistics)
#define MOTE_LINUX_OPTIONS_INIT MOTE_SIZE_(mote_linux_options)

/*
 * A string literal as `mote_bytes`, without its NUL, for initialisers: `.path = MOTE_STR("/time")`.
 */
#define MOTE_STR(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

/*
 * Bytes that suffice for a CoAP endpoint with so many requests under way, observers, and such a
 * largest message, and defaults for the rest of `mote_coap_config`.
 */
#define MOTE_COAP_MEM(requests, observers, message_size)                                           \
    (MOTE_COAP_MEM_BASE + (requests) * MOTE_COAP_MEM_REQUEST + (observers) * MOTE_COAP_MEM_OBSERVER \
     + (message_size) * 2)

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MOTE_H */
