// Makes a repeated request harmless: the answer to a change is remembered by its Idempotency-Key for a day
// and given again, so that a client that lost an answer may just ask once more. Bounded. Web thread.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/clock.h"
#include "resolver/net/http.h"

namespace cenote {

class Idempotency {
 public:
  explicit Idempotency(size_t most = 1000) : most_(most) {}  // an answer is some 2 KiB

  enum class Outcome : uint8_t {
    kFirst,     // go on, and report the answer to finish()
    kAnswered,  // a repeat: the responder has, or will get, the first one's answer
    kMismatch,  // the key was used for something else
    kFull,      // too many are under way at once, or wait for this one
  };
  // `key` is the client's with whatever keeps clients apart; `fingerprint` tells requests apart.
  Outcome begin(const std::string& key, const std::string& fingerprint, const HttpResponder& responder,
                MonoTime now);
  // A server's fault is not remembered: a repeat may do better.
  void finish(const std::string& key, const HttpResponse& response);

  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::string fingerprint;
    MonoTime made{};
    bool is_answered = false;
    HttpResponse response;
    std::vector<HttpResponder> waiting;
  };
  void forget_old(MonoTime now);
  bool forget_one();

  size_t most_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> by_age_;
};

}  // namespace cenote
