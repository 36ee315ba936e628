// Names that look like real lists: two thirds with two labels, words beside machine-made letters, few
// top-level domains. The same seed gives the same names on every machine. They are asked on loopback only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace cenote::bench {

class NameMaker {
 public:
  explicit NameMaker(uint64_t seed) : state_(seed) {}

  std::string next() {
    static constexpr std::array<std::string_view, 12> kTops{"com", "com", "com", "com",  "ru", "xyz",
                                                            "net", "org", "top", "info", "cn", "site"};
    std::string name;
    if (below(100) < 33) {
      name = (below(2) == 0 ? std::string(word()) : letters(3 + below(6))) + ".";
    }
    switch (below(4)) {
      case 0:  // a DGA's
        name += letters(9 + below(14));
        break;
      case 1:
        name += std::string(word()) + "-" + std::string(word()) + letters(2 + below(4));
        break;
      case 2:
        name += letters(4 + below(4)) + std::string(word()) + std::to_string(below(1000));
        break;
      default:
        name += std::string(word()) + letters(3 + below(5));
        break;
    }
    return name + "." + std::string(kTops[below(kTops.size())]);
  }

 private:
  // splitmix64 (public domain, Vigna): the standard library's distributions differ between libraries.
  uint64_t random() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  size_t below(size_t bound) { return static_cast<size_t>(random() % bound); }

  std::string_view word() {
    static constexpr std::array<std::string_view, 24> kWords{
        "secure", "login",  "update",  "mail",   "bank",   "cloud", "shop",  "news",
        "pay",    "verify", "home",    "web",    "online", "store", "free",  "account",
        "stream", "photo",  "support", "travel", "auth",   "media", "track", "cdn"};
    return kWords[below(kWords.size())];
  }
  std::string letters(size_t count) {
    // Some letters twice: not even a machine's letters are evenly spread.
    static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789etaoinshr";
    std::string text;
    for (; count > 0; --count) {
      text += kLetters[below(kLetters.size())];
    }
    return text;
  }

  uint64_t state_;
};

inline void print_names(size_t count, uint64_t seed) {
  NameMaker maker(seed);
  std::unordered_set<std::string> seen;
  seen.reserve(count);
  while (seen.size() < count) {
    const auto [name, is_new] = seen.insert(maker.next());
    if (is_new) {
      std::puts(name->c_str());
    }
  }
}

}  // namespace cenote::bench
