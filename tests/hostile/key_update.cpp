// key_update PORT SECONDS SOURCE RECONNECT: asks a TLS 1.3 server for new keys as fast as it can, reads
// nothing, and opens a new connection after RECONNECT seconds or when it is cut. Says what it did as JSON.
// For tests/hostile: Python's ssl cannot do it.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <openssl/ssl.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* session) const { SSL_free(session); }
};

struct Counts {
  unsigned long connections = 0;
  unsigned long not_let_in = 0;
  unsigned long cut = 0;
  unsigned long updates = 0;
};

// A connection from `source`, which gives up after two seconds of silence; -1: there is none.
int connect_from(const char* source, int port) {
  const int file = ::socket(AF_INET, SOCK_STREAM, 0);
  const timeval patience{2, 0};
  ::setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  ::inet_pton(AF_INET, source, &from.sin_addr);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(file, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0 ||
      ::connect(file, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    ::close(file);
    return -1;
  }
  return file;
}

void update_keys(SSL* session, Clock::time_point until, Counts& counts) {
  while (Clock::now() < until) {
    if (SSL_key_update(session, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(session) != 1) {
      ++counts.cut;
      return;
    }
    ++counts.updates;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fprintf(stderr, "usage: key_update PORT SECONDS SOURCE RECONNECT\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const auto seconds = [](const char* text) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::atof(text)));
  };
  const auto end = Clock::now() + seconds(arguments[2]);
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  Counts counts;
  while (Clock::now() < end) {
    const int file = connect_from(arguments[3], std::atoi(arguments[1]));
    const std::unique_ptr<SSL, Free> session(SSL_new(context.get()));
    if (file < 0 || SSL_set_fd(session.get(), file) != 1 || SSL_connect(session.get()) != 1) {
      ++counts.not_let_in;
      ::usleep(10'000);
    } else {
      ++counts.connections;
      update_keys(session.get(), std::min(end, Clock::now() + seconds(arguments[4])), counts);
    }
    if (file >= 0) {
      ::close(file);
    }
  }
  std::printf(R"({"connections": %lu, "not let in": %lu, "cut": %lu, "key updates": %lu})",
              counts.connections, counts.not_let_in, counts.cut, counts.updates);
  return 0;
}
