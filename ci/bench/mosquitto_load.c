/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What mote-mqtt-bench does, with libmosquitto: one publisher with a window, one subscriber, one thread.
 * mosquitto_load PORT QOS COUNT BYTES WINDOW */
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static unsigned long sent, done, got, count;
static double *took;
static int ready, qos;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void on_connect(struct mosquitto *client, void *user, int code) {
    if (code != 0) exit(1);
    if (user != NULL) mosquitto_subscribe(client, NULL, "mote/bench", qos);
    else ready++;
}

static void on_subscribe(struct mosquitto *client, void *user, int id, int count, const int *granted) {
    (void)client, (void)user, (void)id, (void)count, (void)granted;
    ready++;
}

static void on_publish(struct mosquitto *client, void *user, int id) {
    (void)client, (void)user, (void)id;
    done++;
}

static void on_message(struct mosquitto *client, void *user, const struct mosquitto_message *message) {
    double began;
    (void)client, (void)user;
    if (message->payloadlen < (int)sizeof began || got == count) return;
    memcpy(&began, message->payload, sizeof began);
    took[got++] = now() - began;
}

static int by_size(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    static char payload[65536];
    struct mosquitto *clients[2];
    if (argc != 6) return 2;
    int port = atoi(argv[1]), size = atoi(argv[4]);
    unsigned long window = strtoul(argv[5], NULL, 10);
    qos = atoi(argv[2]);
    count = strtoul(argv[3], NULL, 10);
    took = calloc(count, sizeof *took);
    if (took == NULL || count == 0 || size < (int)sizeof *took || size > (int)sizeof payload) return 2;
    mosquitto_lib_init();
    for (int i = 0; i < 2; i++) {
        clients[i] = mosquitto_new(NULL, true, i == 1 ? payload : NULL);
        mosquitto_connect_callback_set(clients[i], on_connect);
        mosquitto_subscribe_callback_set(clients[i], on_subscribe);
        mosquitto_publish_callback_set(clients[i], on_publish);
        mosquitto_message_callback_set(clients[i], on_message);
        mosquitto_int_option(clients[i], MOSQ_OPT_TCP_NODELAY, 1);
        mosquitto_max_inflight_messages_set(clients[i], (unsigned)window);
        if (mosquitto_connect(clients[i], "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS) return 1;
    }
    double began = now();
    int started = 0;
    while (done < count || got < count) {
        struct pollfd wait[2];
        if (ready == 2 && !started) started = 1, began = now();
        while (started && sent < count && sent - done < window) {
            double stamp = now();
            memcpy(payload, &stamp, sizeof stamp);
            if (mosquitto_publish(clients[0], NULL, "mote/bench", size, payload, qos, false) != MOSQ_ERR_SUCCESS) return 1;
            sent++;
        }
        for (int i = 0; i < 2; i++) {
            wait[i].fd = mosquitto_socket(clients[i]);
            wait[i].events = (short)(POLLIN | (mosquitto_want_write(clients[i]) ? POLLOUT : 0));
        }
        if (poll(wait, 2, started && sent < count && sent - done < window ? 0 : 1000) < 0) return 1;
        for (int i = 0; i < 2; i++) {
            if ((wait[i].revents & POLLIN) && mosquitto_loop_read(clients[i], 100) != MOSQ_ERR_SUCCESS) return 1;
            if ((wait[i].revents & POLLOUT) && mosquitto_loop_write(clients[i], 100) != MOSQ_ERR_SUCCESS) return 1;
            mosquitto_loop_misc(clients[i]);
        }
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    double seconds = now() - began;
    qsort(took, count, sizeof *took, by_size);
    printf("%.0f messages/s, cpu %.3f us per message published or received, latency 50%% %.0f us 99%% %.0f us\n",
           (double)count / seconds, cpu * 1e6 / (double)(done + got), took[count / 2] * 1e6, took[count * 99 / 100] * 1e6);
    return 0;
}
