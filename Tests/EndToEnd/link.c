/* A link between two network namespaces, for kernels without netem: delay, rate, a queue that overflows, random loss.

   link NAMESPACE_A NAMESPACE_B DEVICE [delay=MS] [rate=MBIT] [queue=KB] [loss=PERCENT] [seed=N]

   Makes a TUN device of the name DEVICE in both namespaces and carries packets between the two. Each direction is a
   bottleneck of `rate` with a queue of `queue` in front of it (a packet that finds no room is dropped), then `delay` one
   way; a packet is lost with the probability `loss` before it comes to the queue. What is left out is without limit. Each
   direction draws from a random sequence of its own, so that a seed loses the same packets of the same traffic.

   Says READY when the devices are there. SIGUSR1 lets every packet vanish, SIGUSR2 ends that, SIGTERM ends the program,
   which then says for each direction how many packets it carried, lost and dropped for want of room. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST_PACKET = 65536, PACKETS_PER_TURN = 256, MOST_PACKETS = 1 << 17 };

/* What the command line asks for; zero where there is no limit. */
struct settings {
    uint64_t delay;        /* nanoseconds, one way */
    double byte_time;      /* nanoseconds that the bottleneck takes for a byte */
    double queue;          /* bytes */
    double loss;           /* of one */
    uint64_t seed;
};

struct packet {
    struct packet *next;
    uint64_t due;
    size_t size;
    uint8_t bytes[];
};

/* One way of the link. Every packet has the same delay, so packets leave in the order in which they came. */
struct direction {
    int from, to;
    struct packet *first, *last;
    size_t count;
    double free_at; /* when the bottleneck will have sent all that it has taken */
    uint64_t random;
    uint64_t carried, lost, dropped;
};

static volatile sig_atomic_t is_ended, is_dark;

static void note_signal(int number) {
    if (number == SIGTERM || number == SIGINT) is_ended = 1;
    if (number == SIGUSR1) is_dark = 1;
    if (number == SIGUSR2) is_dark = 0;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* SplitMix64 (Steele, Lea, Flood 2014): a number between 0 and 1. */
static double draw(struct direction *way) {
    uint64_t z = way->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

/* A TUN device in a namespace; this process is back in its own afterwards. */
static int open_device(const char *namespace, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", namespace);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = open(path, O_RDONLY | O_CLOEXEC);
    if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) != 0) fail(path);
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (device < 0 || ioctl(device, TUNSETIFF, &request) != 0) fail(name);
    if (setns(home, CLONE_NEWNET) != 0) fail("setns");
    close(home);
    close(there);
    return device;
}

/* Takes a packet that arrived at `time`. */
static void take(struct direction *way, const struct settings *settings, const uint8_t *bytes, size_t size,
                 uint64_t time) {
    if (is_dark || (settings->loss > 0 && draw(way) < settings->loss)) {
        way->lost++;
        return;
    }
    if (way->free_at < (double)time) way->free_at = (double)time;
    if (settings->byte_time > 0) {
        double waiting = (way->free_at - (double)time) / settings->byte_time;
        if (settings->queue > 0 && waiting + (double)size > settings->queue) {
            way->dropped++;
            return;
        }
        way->free_at += (double)size * settings->byte_time;
    }
    struct packet *packet = way->count < MOST_PACKETS ? malloc(sizeof *packet + size) : NULL;
    if (packet == NULL) {
        way->dropped++;
        return;
    }
    packet->next = NULL;
    packet->due = (uint64_t)way->free_at + settings->delay;
    packet->size = size;
    memcpy(packet->bytes, bytes, size);
    if (way->last != NULL) way->last->next = packet;
    else way->first = packet;
    way->last = packet;
    way->count++;
}

/* Hands over every packet whose time has come. */
static void deliver(struct direction *way, uint64_t time) {
    while (way->first != NULL && way->first->due <= time) {
        struct packet *packet = way->first;
        way->first = packet->next;
        if (way->first == NULL) way->last = NULL;
        way->count--;
        if (write(way->to, packet->bytes, packet->size) >= 0) way->carried++;
        else way->dropped++;
        free(packet);
    }
}

static void receive(struct direction *way, const struct settings *settings) {
    static uint8_t buffer[LARGEST_PACKET];
    for (int turn = 0; turn < PACKETS_PER_TURN; turn++) {
        ssize_t size = read(way->from, buffer, sizeof buffer);
        if (size <= 0) return;
        take(way, settings, buffer, (size_t)size, now());
    }
}

static void run(struct direction ways[2], const struct settings *settings, const sigset_t *unblocked) {
    while (!is_ended) {
        uint64_t time = now(), next = UINT64_MAX;
        for (int i = 0; i < 2; i++) {
            deliver(&ways[i], time);
            if (ways[i].first != NULL && ways[i].first->due < next) next = ways[i].first->due;
        }
        struct timespec wait = {0};
        if (next != UINT64_MAX && next > time) {
            wait.tv_sec = (time_t)((next - time) / 1000000000u);
            wait.tv_nsec = (long)((next - time) % 1000000000u);
        }
        struct pollfd devices[2] = {{.fd = ways[0].from, .events = POLLIN}, {.fd = ways[1].from, .events = POLLIN}};
        if (ppoll(devices, 2, next == UINT64_MAX ? NULL : &wait, unblocked) < 0 && errno != EINTR) fail("ppoll");
        for (int i = 0; i < 2; i++) receive(&ways[i], settings);
    }
}

static struct settings parse(int count, char **words) {
    struct settings settings = {.seed = 1};
    for (int i = 0; i < count; i++) {
        char *sign = strchr(words[i], '='), *end = NULL;
        double value = sign == NULL ? 0 : strtod(sign + 1, &end);
        size_t length = sign == NULL ? 0 : (size_t)(sign - words[i]);
        if (sign == NULL || *end != 0 || end == sign + 1 || value < 0) length = 0;
        if (length == 5 && strncmp(words[i], "delay", length) == 0) settings.delay = (uint64_t)(value * 1e6);
        else if (length == 4 && strncmp(words[i], "rate", length) == 0) settings.byte_time = value > 0 ? 8e3 / value : 0;
        else if (length == 5 && strncmp(words[i], "queue", length) == 0) settings.queue = value * 1000;
        else if (length == 4 && strncmp(words[i], "loss", length) == 0) settings.loss = value / 100;
        else if (length == 4 && strncmp(words[i], "seed", length) == 0) settings.seed = (uint64_t)value;
        else {
            fprintf(stderr, "link: what is \"%s\"?\n", words[i]);
            exit(2);
        }
    }
    return settings;
}

int main(int count, char **words) {
    if (count < 4) {
        fprintf(stderr, "usage: link NAMESPACE_A NAMESPACE_B DEVICE [delay=MS] [rate=MBIT] [queue=KB] [loss=PERCENT] "
                        "[seed=N]\n");
        return 2;
    }
    struct settings settings = parse(count - 4, words + 4);
    int a = open_device(words[1], words[3]), b = open_device(words[2], words[3]);
    struct direction ways[2] = {
        {.from = a, .to = b, .random = settings.seed * 2}, {.from = b, .to = a, .random = settings.seed * 2 + 1}};

    /* Signals come only while the loop waits. Timers are exact to the microsecond instead of 50 of them. */
    sigset_t blocked, unblocked;
    sigemptyset(&blocked);
    struct sigaction action = {.sa_handler = note_signal};
    for (size_t i = 0; i < 4; i++) {
        int number = (int[]){SIGTERM, SIGINT, SIGUSR1, SIGUSR2}[i];
        sigaddset(&blocked, number);
        sigaction(number, &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &blocked, &unblocked);
    prctl(PR_SET_TIMERSLACK, 1000);

    puts("READY");
    fflush(stdout);
    run(ways, &settings, &unblocked);
    for (int i = 0; i < 2; i++) {
        printf("%s: %llu carried, %llu lost, %llu dropped\n", i == 0 ? "a to b" : "b to a",
               (unsigned long long)ways[i].carried, (unsigned long long)ways[i].lost,
               (unsigned long long)ways[i].dropped);
    }
    return 0;
}
