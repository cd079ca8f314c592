/* httpload - load generator for key-value stores that speak HTTP/1.1.
 *
 * Build:  gcc -O2 -Wall -o httpload httpload.c
 * Use:    httpload --port N --target denkeeper|etcd|plain --op get|put [options]
 *
 * One thread, epoll, non-blocking sockets. C keep-alive connections to 127.0.0.1, one request outstanding on
 * each. Every status is checked, and of every GET the value: it holds its key's name. The result is one JSON
 * object on stdout. Exit status: 0 clean run, 2 something was not as expected, 1 usage.
 *
 * Targets: denkeeper is GET and PUT of /api/v1/data/bench/KEY with the value as the body; etcd is POST of
 * /v3/kv/range and /v3/kv/put with base64 in JSON; plain is GET and PUT of /KEY, of any server that keeps values.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ull
#define CONN_MAX 4096
#define VALUE_MAX 65536
#define ANSWER_MAX (VALUE_MAX * 2 + 8192)
#define SILENCE_MAX_S 20            /* no answer at all for so long: the run has failed */

static uint64_t now_ns(void) {
  struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}
static void die(const char *f, ...) {
  va_list a; va_start(a, f); fprintf(stderr, "httpload: "); vfprintf(stderr, f, a);
  fprintf(stderr, "\n"); va_end(a); exit(1);
}
static uint64_t seed = 1;
static inline uint64_t rnd(void) {  /* splitmix64 */
  uint64_t z = (seed += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull; z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}
static inline uint32_t rnd_n(uint32_t n) { return (uint32_t)(((rnd() >> 32) * (uint64_t)n) >> 32); }

/* ------------------------------------------------------------ histogram -- */
/* log-linear buckets, 128 per octave: relative error below 0.8 %. Unit: ns. */
#define HB 7
#define HN ((64 - HB + 1) << HB)
static uint64_t h_b[HN], h_n, h_max;
static void h_add(uint64_t v) {
  size_t i;
  if (v < (1u << HB)) i = v;
  else { int s = 63 - __builtin_clzll(v) - HB; i = ((size_t)(s + 1) << HB) + ((v >> s) & ((1 << HB) - 1)); }
  h_b[i]++; h_n++; if (v > h_max) h_max = v;
}
static double h_pct(double p) {     /* in us */
  uint64_t want = (uint64_t)(p * (double)h_n + 0.999999), c = 0;
  if (!h_n) return 0;
  if (want < 1) want = 1;
  for (size_t i = 0; i < HN; i++) if ((c += h_b[i]) >= want) {
    double v;
    if (i < (1u << HB)) v = (double)i;
    else { int s = (int)(i >> HB) - 1; v = (double)(((1ull << HB) | (i & ((1 << HB) - 1))) << s) + 0.5 * (double)(1ull << s); }
    if (v > (double)h_max) v = (double)h_max;
    return v / 1000.0;
  }
  return (double)h_max / 1000.0;
}

/* -------------------------------------------------------------- options -- */
enum { T_DENKEEPER, T_ETCD, T_PLAIN };
static int o_port, o_target = -1, o_put = -1, o_conns = 1, o_keys = 1000, o_vsize = 100, o_pid, o_fill;
static double o_warm = 1, o_dur = 4;

/* ---------------------------------------------------------------- state -- */
enum { IDLE, CONNECTING, SENDING, AWAITING };
typedef struct {
  int fd, state; uint32_t key; uint64_t t0;
  size_t wlen, woff, rlen;
  char *w, *r;
} Conn;
static Conn *conns; static int ep;
static uint64_t n_ops, n_all, n_bad, fill_next, bytes_in;
static char first_bad[400];
static int measuring, stopping;

static void bad(const char *f, ...) {
  n_bad++;
  if (first_bad[0]) return;
  va_list a; va_start(a, f); vsnprintf(first_bad, sizeof first_bad, f, a); va_end(a);
  for (char *p = first_bad; *p; p++) if (*p == '"' || *p == '\\' || (unsigned char)*p < 32) *p = ' ';
}

/* ------------------------------------------------------------- requests -- */
static const char B64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static size_t b64(char *o, const char *s, size_t n) {
  char *p = o;
  for (size_t i = 0; i < n; i += 3) {
    uint32_t v = (uint32_t)(uint8_t)s[i] << 16 | (i + 1 < n ? (uint32_t)(uint8_t)s[i + 1] << 8 : 0) | (i + 2 < n ? (uint8_t)s[i + 2] : 0);
    *p++ = B64[v >> 18]; *p++ = B64[v >> 12 & 63];
    *p++ = i + 1 < n ? B64[v >> 6 & 63] : '='; *p++ = i + 2 < n ? B64[v & 63] : '=';
  }
  return (size_t)(p - o);
}
static size_t unb64(char *o, const char *s, size_t n) {
  static int8_t t[256]; static int ready;
  if (!ready) { memset(t, -1, sizeof t); for (int i = 0; i < 64; i++) t[(uint8_t)B64[i]] = (int8_t)i; ready = 1; }
  size_t k = 0; uint32_t v = 0; int bits = 0;
  for (size_t i = 0; i < n && s[i] != '='; i++) {
    if (t[(uint8_t)s[i]] < 0) return 0;
    v = v << 6 | (uint32_t)t[(uint8_t)s[i]]; bits += 6;
    if (bits >= 8) { bits -= 8; o[k++] = (char)(v >> bits); }
  }
  return k;
}
/* A value begins with its key's name, and then repeats one letter. */
static void make_value(char *v, uint32_t key) {
  char name[16]; int n = snprintf(name, sizeof name, "k%08u:", key);
  memset(v, 'a' + (int)rnd_n(26), (size_t)o_vsize); memcpy(v, name, (size_t)n);
}
static int is_value(const char *v, size_t n, uint32_t key) {
  char name[16]; int k = snprintf(name, sizeof name, "k%08u:", key);
  if (n != (size_t)o_vsize || memcmp(v, name, (size_t)k)) return 0;
  for (size_t i = (size_t)k + 1; i < n; i++) if (v[i] != v[k]) return 0;
  return 1;
}
static void make_request(Conn *c) {
  static char v[VALUE_MAX], body[ANSWER_MAX]; char key[32]; size_t n = 0, bn = 0;
  int isput = o_put; const char *method = isput ? "PUT" : "GET"; char path[64];
  c->key = o_fill ? (uint32_t)fill_next++ : rnd_n((uint32_t)o_keys);
  snprintf(key, sizeof key, "k%08u", c->key);
  if (isput) make_value(v, c->key);
  if (o_target == T_ETCD) {
    method = "POST"; snprintf(path, sizeof path, "/v3/kv/%s", isput ? "put" : "range");
    bn += (size_t)sprintf(body, "{\"key\":\""); bn += b64(body + bn, key, strlen(key));
    if (isput) { bn += (size_t)sprintf(body + bn, "\",\"value\":\""); bn += b64(body + bn, v, (size_t)o_vsize); }
    bn += (size_t)sprintf(body + bn, "\"}");
  } else {
    snprintf(path, sizeof path, "%s/%s", o_target == T_DENKEEPER ? "/api/v1/data/bench" : "", key);
    if (isput) { memcpy(body, v, (size_t)o_vsize); bn = (size_t)o_vsize; }
  }
  n = (size_t)sprintf(c->w, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: httpload\r\nAccept: */*\r\n", method, path, o_port);
  if (bn) n += (size_t)sprintf(c->w + n, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                               o_target == T_ETCD ? "application/json" : "application/octet-stream", bn);
  n += (size_t)sprintf(c->w + n, "\r\n");
  memcpy(c->w + n, body, bn); c->wlen = n + bn; c->woff = 0; c->rlen = 0;
}

/* -------------------------------------------------------------- answers -- */
/* The whole answer is in r: 1; more is to come: 0; not to be understood: -1. The body is moved together if chunked. */
static int answer(Conn *c, int *status, char **body, size_t *bn) {
  c->r[c->rlen] = 0;
  char *e = strstr(c->r, "\r\n\r\n");
  if (!e) return 0;
  if (strncmp(c->r, "HTTP/1.1 ", 9)) return -1;
  *status = atoi(c->r + 9); *body = e + 4;
  size_t have = c->rlen - (size_t)(e + 4 - c->r); long length = -1; int chunked = 0;
  for (char *l = strstr(c->r, "\r\n") + 2; l < e + 2; l = strstr(l, "\r\n") + 2) {
    if (!strncasecmp(l, "content-length:", 15)) length = atol(l + 15);
    else if (!strncasecmp(l, "transfer-encoding: chunked", 26)) chunked = 1;
    else if (!strncasecmp(l, "connection: close", 17)) return -1;
  }
  if (*status == 204 || *status == 304) { *bn = 0; return have ? -1 : 1; }
  if (chunked) {
    char *from = *body, *to = *body, *end = c->r + c->rlen;
    for (;;) {                                       /* first only looks whether all is there */
      char *eol = memmem(from, (size_t)(end - from), "\r\n", 2); if (!eol) return 0;
      unsigned long k = strtoul(from, NULL, 16);
      if (eol + 2 + k + 2 > end) return 0;
      from = eol + 2 + k + 2;
      if (!k) break;
    }
    if (from != end) return -1;
    for (from = *body;;) {
      char *eol = strstr(from, "\r\n"); unsigned long k = strtoul(from, NULL, 16);
      if (!k) break;
      memmove(to, eol + 2, k); to += k; from = eol + 2 + k + 2;
    }
    *bn = (size_t)(to - *body); return 1;
  }
  if (length < 0) return -1;
  if (have < (size_t)length) return 0;
  *bn = (size_t)length;
  return have == (size_t)length ? 1 : -1;
}
static void check(Conn *c, int status, char *body, size_t bn) {
  if (status != 200 && !(status == 201 && o_put && o_target != T_ETCD)) {
    bad("%s of key %u: status %d: %.*s", o_put ? "PUT" : "GET", c->key, status, (int)(bn > 200 ? 200 : bn), body); return;
  }
  if (o_put) return;
  if (o_target == T_ETCD) {
    static char v[ANSWER_MAX]; body[bn] = 0;
    char *p = strstr(body, "\"value\":\""); char *q = p ? strchr(p + 9, '"') : NULL;
    if (!q || !is_value(v, unb64(v, p + 9, (size_t)(q - p - 9)), c->key)) bad("GET of key %u: wrong value: %.200s", c->key, body);
  } else if (!is_value(body, bn, c->key)) bad("GET of key %u: wrong value of %zu bytes: %.*s", c->key, bn, (int)(bn > 100 ? 100 : bn), body);
}

/* ---------------------------------------------------------- connections -- */
static void want(Conn *c, uint32_t events) {
  struct epoll_event e = { .events = events, .data.ptr = c }; epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static void flush_out(Conn *c) {
  ssize_t k = send(c->fd, c->w + c->woff, c->wlen - c->woff, MSG_NOSIGNAL);
  if (k < 0) { if (errno == EAGAIN) k = 0; else { bad("send: %s", strerror(errno)); stopping = 2; return; } }
  c->woff += (size_t)k;
  if (c->woff < c->wlen) { c->state = SENDING; want(c, EPOLLOUT | EPOLLIN); }
  else { if (c->state == SENDING) want(c, EPOLLIN); c->state = AWAITING; }
}
static void next(Conn *c) {
  if (stopping || (o_fill && fill_next >= (uint64_t)o_keys)) { c->state = IDLE; return; }
  make_request(c); c->t0 = now_ns(); c->state = AWAITING; flush_out(c);
}
static void dial(Conn *c) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)o_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  c->fd = socket(AF_INET, SOCK_STREAM, 0); if (c->fd < 0) die("socket: %s", strerror(errno));
  if (connect(c->fd, (struct sockaddr *)&a, sizeof a)) die("cannot connect to 127.0.0.1:%d: %s", o_port, strerror(errno));
  int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
  c->w = malloc(ANSWER_MAX + 4096); c->r = malloc(ANSWER_MAX + 1); if (!c->w || !c->r) die("out of memory");
  struct epoll_event e = { .events = EPOLLIN, .data.ptr = c }; epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}
static void readable(Conn *c) {
  int status = 0; char *body = NULL; size_t bn = 0;
  ssize_t k = recv(c->fd, c->r + c->rlen, ANSWER_MAX - c->rlen, 0);
  if (k < 0 && errno == EAGAIN) return;
  if (k <= 0 || c->state != AWAITING) { bad("the connection was closed or spoke out of turn"); stopping = 2; return; }
  c->rlen += (size_t)k; bytes_in += (uint64_t)k;
  int done = answer(c, &status, &body, &bn);
  if (done < 0 || (!done && c->rlen >= ANSWER_MAX)) { bad("cannot understand the answer: %.200s", c->r); stopping = 2; return; }
  if (!done) return;
  uint64_t t = now_ns(); n_all++;
  if (measuring) { n_ops++; h_add(t - c->t0); }
  check(c, status, body, bn);
  next(c);
}

/* ----------------------------------------------------------- accounting -- */
static double pid_cpu_s(int pid) {
  char b[4096], f[64]; unsigned long u, k; snprintf(f, sizeof f, "/proc/%d/stat", pid);
  FILE *fp = fopen(f, "r"); if (!fp) return -1;
  size_t n = fread(b, 1, sizeof b - 1, fp); fclose(fp); b[n] = 0; char *q = strrchr(b, ')');
  if (!q || sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &k) != 2) return -1;
  return (double)(u + k) / (double)sysconf(_SC_CLK_TCK);
}
static double own_cpu_s(void) {
  struct rusage r; getrusage(RUSAGE_SELF, &r);
  return (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}
static double machine_busy_s(void) {
  unsigned long v[8]; FILE *f = fopen("/proc/stat", "r"); double s = 0; if (!f) return 0;
  if (fscanf(f, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7) == 8)
    s = (double)(v[0] + v[1] + v[2] + v[5] + v[6]) / (double)sysconf(_SC_CLK_TCK);
  fclose(f); return s;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *k = argv[i]; if (!strcmp(k, "--fill")) { o_fill = 1; continue; }
    const char *v = i + 1 < argc ? argv[++i] : (die("%s needs a value", k), "");
    if (!strcmp(k, "--port")) o_port = atoi(v);
    else if (!strcmp(k, "--target")) o_target = !strcmp(v, "denkeeper") ? T_DENKEEPER : !strcmp(v, "etcd") ? T_ETCD : !strcmp(v, "plain") ? T_PLAIN : -1;
    else if (!strcmp(k, "--op")) o_put = !strcmp(v, "put") ? 1 : !strcmp(v, "get") ? 0 : -1;
    else if (!strcmp(k, "--connections")) o_conns = atoi(v);
    else if (!strcmp(k, "--keys")) o_keys = atoi(v);
    else if (!strcmp(k, "--value-bytes")) o_vsize = atoi(v);
    else if (!strcmp(k, "--warmup")) o_warm = atof(v);
    else if (!strcmp(k, "--duration")) o_dur = atof(v);
    else if (!strcmp(k, "--pid")) o_pid = atoi(v);
    else if (!strcmp(k, "--seed")) seed = strtoull(v, NULL, 10);
    else die("unknown option %s", k);
  }
  if (!o_port || o_target < 0 || o_put < 0 || o_conns < 1 || o_conns > CONN_MAX || o_keys < 1 || o_vsize < 16 || o_vsize > VALUE_MAX)
    die("use: --port N --target denkeeper|etcd|plain --op get|put [--connections 1..%d] [--keys N] [--value-bytes 16..%d]"
        " [--warmup S] [--duration S] [--pid N: the server, for its CPU] [--fill: put each key once] [--seed N]", CONN_MAX, VALUE_MAX);
  if (o_fill && !o_put) die("--fill goes with --op put");
  ep = epoll_create1(0); conns = calloc((size_t)o_conns, sizeof *conns); if (!conns) die("out of memory");
  for (int i = 0; i < o_conns; i++) dial(&conns[i]);
  for (int i = 0; i < o_conns; i++) next(&conns[i]);
  uint64_t t_begin = now_ns(), t_m0 = 0, t_m1 = 0, t_heard = t_begin; double cpu0 = 0, cpu1 = 0, own0 = 0, own1 = 0, busy0 = 0, busy1 = 0;
  struct epoll_event ev[256];
  for (;;) {
    int n = epoll_wait(ep, ev, 256, 100);
    uint64_t t = now_ns();
    for (int i = 0; i < n && stopping < 2; i++) {
      Conn *c = ev[i].data.ptr;
      if (c->state == SENDING && (ev[i].events & EPOLLOUT)) flush_out(c);
      if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
    }
    if (n > 0) t_heard = t;
    else if (t - t_heard > SILENCE_MAX_S * NS) { bad("no answer for %d s", SILENCE_MAX_S); break; }
    if (stopping == 2) break;
    if (o_fill) { if (n_all >= (uint64_t)o_keys) break; continue; }
    if (!t_m0 && (double)(t - t_begin) >= o_warm * 1e9) {
      t_m0 = t; measuring = 1; cpu0 = o_pid ? pid_cpu_s(o_pid) : 0; own0 = own_cpu_s(); busy0 = machine_busy_s();
    } else if (t_m0 && !t_m1 && (double)(t - t_m0) >= o_dur * 1e9) {
      t_m1 = t; measuring = 0; stopping = 1; cpu1 = o_pid ? pid_cpu_s(o_pid) : 0; own1 = own_cpu_s(); busy1 = machine_busy_s();
    }
    if (t_m1) { int left = 0; for (int i = 0; i < o_conns; i++) left += conns[i].state != IDLE; if (!left) break; }
  }
  if (!o_fill && !t_m1) bad("the run ended early");
  double s = (double)(t_m1 - t_m0) / 1e9; if (!t_m1) s = 0;
  double server = cpu1 - cpu0, own = own1 - own0;
  printf("{\"ok\":%s,\"errors\":%llu,\"first_error\":\"%s\",\"requests\":%llu,\"ops\":%llu,\"seconds\":%.3f,\"ops_per_s\":%.1f,"
         "\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"server_cpu_us_per_op\":%.3f,\"client_cpu_us_per_op\":%.3f,"
         "\"other_busy_cores\":%.2f,\"bytes_per_answer\":%.0f}\n",
         n_bad ? "false" : "true", (unsigned long long)n_bad, first_bad, (unsigned long long)n_all, (unsigned long long)n_ops, s,
         s > 0 ? (double)n_ops / s : 0, h_pct(.5), h_pct(.99), h_pct(.999), (double)h_max / 1000,
         n_ops ? server * 1e6 / (double)n_ops : 0, n_ops ? own * 1e6 / (double)n_ops : 0,
         s > 0 ? (busy1 - busy0 - server - own) / s : 0, n_all ? (double)bytes_in / (double)n_all : 0);
  return n_bad ? 2 : 0;
}
