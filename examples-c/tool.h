/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tools share: words for numbers, numbers for words, names to addresses. */
#ifndef MOTE_TOOL_H
#define MOTE_TOOL_H

#include "mote.h"
#include <errno.h>
#include <netdb.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#if defined(__GNUC__)
#define TOOL_UNUSED __attribute__((unused))
#else
#define TOOL_UNUSED
#endif

static TOOL_UNUSED mote_bytes tool_bytes(const char *text) {
    mote_bytes bytes = { (const uint8_t *)text, strlen(text) };
    return bytes;
}

/* Ends the program with its usage, when that is what it was asked for. */
static TOOL_UNUSED void tool_help(int argc, char **argv, const char *usage) {
    if (argc < 2 || strcmp(argv[1], "--help") != 0) return;
    fputs(usage, stdout);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

/* Ends the program with its usage: that is not how it was called. */
static TOOL_UNUSED void tool_misused(const char *usage) {
    fputs(usage, stderr);
    exit(2);
}

/* Ends the program with its usage: there is no such option, or it lacks its value. */
static TOOL_UNUSED void tool_unknown(const char *option, const char *usage) {
    fprintf(stderr, "%s: no option of this program, or one without its value\n", option);
    tool_misused(usage);
}

/* The status with which a program ends, given what it is if all that was printed has been written. */
static TOOL_UNUSED int tool_end(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    fputs("the output could not be written\n", stderr);
    return 2;
}

/* A whole number up to `most`, decimal or, behind 0x, hexadecimal, and nothing else; whether it is one. */
static TOOL_UNUSED int tool_number(const char *text, unsigned long most, unsigned long *number) {
    char *end;
    if (*text < '0' || *text > '9') return 0;
    errno = 0;
    *number = strtoul(text, &end, text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10);
    return *end == '\0' && errno == 0 && *number <= most;
}

/* Ends the program: what an option was given is not what it takes. */
static TOOL_UNUSED void tool_refuse(const char *option, const char *value, const char *takes) {
    fprintf(stderr, "%s %s: not %s\n", option, value, takes);
    exit(2);
}

/* The number that an option was given, which is `least` to `most`. */
static TOOL_UNUSED unsigned long tool_count(const char *option, const char *value, unsigned long least, unsigned long most) {
    unsigned long number = 0;
    char takes[64];
    snprintf(takes, sizeof takes, "a number from %lu to %lu", least, most);
    if (!tool_number(value, most, &number) || number < least) tool_refuse(option, value, takes);
    return number;
}

/* The objective function of this name. */
static TOOL_UNUSED uint32_t tool_objective(const char *option, const char *value) {
    static const char *const names[] = { "mrhof", "of0", "hops", "latency" };
    static const uint32_t objectives[] = { MOTE_MESH_MRHOF, MOTE_MESH_OF0, MOTE_MESH_MRHOF_HOP_COUNT, MOTE_MESH_MRHOF_LATENCY };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) return objectives[i];
    tool_refuse(option, value, "mrhof, of0, hops or latency");
    return 0;
}

/* Whether an option was given the first or the second of two words; a third one ends the program. */
static TOOL_UNUSED int tool_either(const char *option, const char *value, const char *first, const char *second) {
    char takes[64];
    if (strcmp(value, first) == 0) return 0;
    if (strcmp(value, second) == 0) return 1;
    snprintf(takes, sizeof takes, "%s or %s", first, second);
    tool_refuse(option, value, takes);
    return 0;
}

/* Ends the program when something that must not fail has failed. */
static TOOL_UNUSED void tool_check(mote_status status, const char *what) {
    if (status != MOTE_OK) {
        mote_bytes text = mote_status_str(status);
        fprintf(stderr, "%s: %.*s\n", what, (int)text.len, (const char *)text.ptr);
        exit(2);
    }
}

/* A content format, by name or number; -1 for neither. */
static TOOL_UNUSED long tool_format(const char *text) {
    static const struct { const char *name; long number; } names[] = {
        { "text", MOTE_COAP_TEXT }, { "plain", MOTE_COAP_TEXT }, { "text/plain", MOTE_COAP_TEXT },
        { "link", MOTE_COAP_LINK_FORMAT }, { "link-format", MOTE_COAP_LINK_FORMAT }, { "xml", MOTE_COAP_XML },
        { "octet", MOTE_COAP_OCTET_STREAM }, { "octet-stream", MOTE_COAP_OCTET_STREAM }, { "binary", MOTE_COAP_OCTET_STREAM },
        { "json", MOTE_COAP_JSON }, { "cbor", MOTE_COAP_CBOR },
    };
    unsigned long number;
    if (tool_number(text, 0xffff, &number)) return (long)number;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i].name) == 0) return names[i].number;
    return -1;
}

/* A method by name, 0 for none. */
static TOOL_UNUSED uint8_t tool_method(const char *text) {
    static const char *const names[] = { "get", "post", "put", "delete", "fetch", "patch", "ipatch" };
    for (uint8_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) return (uint8_t)(MOTE_COAP_GET + i);
    return 0;
}

/* Resolves percent-encodings and copies; returns the length. */
static TOOL_UNUSED size_t tool_percent(const char *text, uint8_t *out, size_t capacity) {
    size_t length = 0;
    while (*text != '\0' && length < capacity) {
        unsigned byte;
        if (text[0] == '%' && strspn(text + 1, "0123456789abcdefABCDEF") >= 2 && sscanf(text + 1, "%2x", &byte) == 1) {
            out[length++] = (uint8_t)byte;
            text += 3;
        } else {
            out[length++] = (uint8_t)*text++;
        }
    }
    return length;
}

/* The address of a host name, or of a literal with a zone; its port stays 0. */
static TOOL_UNUSED mote_status tool_resolve(mote_bytes host, mote_bytes zone, mote_address *address) {
    char name[256], interface[IF_NAMESIZE];
    memset(address, 0, sizeof *address);
    if (host.len >= sizeof name || zone.len >= sizeof interface) return MOTE_ERR_TOO_LARGE;
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    if (mote_address_parse(host, address) != MOTE_OK) {
        struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *found;
        if (getaddrinfo(name, NULL, &hints, &found) != 0) return MOTE_ERR_NOT_FOUND;
        if (found->ai_family == AF_INET6) {
            const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)found->ai_addr;
            memcpy(address->ip, &v6->sin6_addr, 16);
            address->scope = v6->sin6_scope_id;
        } else {
            const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)found->ai_addr;
            address->ip[10] = address->ip[11] = 0xff;
            memcpy(address->ip + 12, &v4->sin_addr, 4);
        }
        freeaddrinfo(found);
    }
    if (zone.len > 0) {
        memcpy(interface, zone.ptr, zone.len);
        interface[zone.len] = '\0';
        address->scope = if_nametoindex(interface);
        unsigned long number = address->scope;
        if (number == 0 && !tool_number(interface, UINT32_MAX, &number)) return MOTE_ERR_NOT_FOUND;
        address->scope = (uint32_t)number;
        if (number == 0) return MOTE_ERR_NOT_FOUND;
    }
    return MOTE_OK;
}

/* Whether an address is a group's. */
static TOOL_UNUSED int tool_is_group(const mote_address *address) {
    static const uint8_t v4[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    return memcmp(address->ip, v4, 12) == 0 ? address->ip[12] >> 4 == 0xe : address->ip[0] == 0xff;
}

/* A code as it is spoken of, `4.04 Not Found`, in a buffer of the caller's. */
static TOOL_UNUSED const char *tool_code(uint8_t code, char *text, size_t capacity) {
    static const struct { uint8_t code; const char *name; } names[] = {
        { MOTE_COAP_CREATED, "Created" }, { MOTE_COAP_DELETED, "Deleted" }, { MOTE_COAP_VALID, "Valid" },
        { MOTE_COAP_CHANGED, "Changed" }, { MOTE_COAP_CONTENT, "Content" }, { MOTE_COAP_CONTINUE, "Continue" },
        { MOTE_COAP_BAD_REQUEST, "Bad Request" }, { MOTE_COAP_UNAUTHORIZED, "Unauthorized" },
        { MOTE_COAP_BAD_OPTION, "Bad Option" }, { MOTE_COAP_FORBIDDEN, "Forbidden" },
        { MOTE_COAP_NOT_FOUND, "Not Found" }, { MOTE_COAP_METHOD_NOT_ALLOWED, "Method Not Allowed" },
        { MOTE_COAP_NOT_ACCEPTABLE, "Not Acceptable" },
        { MOTE_COAP_REQUEST_ENTITY_INCOMPLETE, "Request Entity Incomplete" }, { MOTE_COAP_CONFLICT, "Conflict" },
        { MOTE_COAP_PRECONDITION_FAILED, "Precondition Failed" },
        { MOTE_COAP_REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large" },
        { MOTE_COAP_UNSUPPORTED_CONTENT_FORMAT, "Unsupported Content-Format" },
        { MOTE_COAP_UNPROCESSABLE_ENTITY, "Unprocessable Entity" },
        { MOTE_COAP_TOO_MANY_REQUESTS, "Too Many Requests" },
        { MOTE_COAP_INTERNAL_SERVER_ERROR, "Internal Server Error" }, { MOTE_COAP_NOT_IMPLEMENTED, "Not Implemented" },
        { MOTE_COAP_BAD_GATEWAY, "Bad Gateway" }, { MOTE_COAP_SERVICE_UNAVAILABLE, "Service Unavailable" },
        { MOTE_COAP_GATEWAY_TIMEOUT, "Gateway Timeout" },
        { MOTE_COAP_PROXYING_NOT_SUPPORTED, "Proxying Not Supported" },
        { MOTE_COAP_HOP_LIMIT_REACHED, "Hop Limit Reached" },
    };
    const char *name = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) name = names[i].name;
    snprintf(text, capacity, "%u.%02u %s", code >> 5, code & 0x1fu, name);
    return text;
}

#endif
