// What a reply must repeat beside its id and port, and a forger who does not see the question cannot know:
// the letter case in which its name was written (draft-vixie-dnsext-dns0x20), and a DNS cookie (RFC 7873).
// Pure; one server's.
//
// Not every server repeats them, so each is learnt. What some replies in a row repeat is expected from then
// on: a datagram without it is not believed, and the question goes over a stream, where nobody else can
// answer. Only what is missing there, too, is not expected any more: no forger can talk us out of it.
#pragma once

#include <array>
#include <memory>

#include "resolver/base/random.h"
#include "resolver/dns/name.h"
#include "resolver/upstream/server_memory.h"

namespace cenote {

// A bit for each byte of a name's wire form: that letter is a capital.
using LetterCase = std::array<uint64_t, 4>;

inline uint8_t in_case(uint8_t byte, size_t at, const LetterCase& letter_case) noexcept {
  const bool is_capital = byte >= 'a' && byte <= 'z' && (letter_case[at / 64] >> (at % 64) & 1) != 0;
  return is_capital ? static_cast<uint8_t>(byte - ('a' - 'A')) : byte;  // a length is below any letter
}

class Echo {
 public:
  // Null: a memory of its own.
  Echo(bool mixes_case, bool sends_cookies, Random& random, std::shared_ptr<ServerMemory> memory = {});

  // How the next question is to be written; in small letters where letters are not mixed.
  [[nodiscard]] LetterCase draw() noexcept;
  // What the next question carries: our cookie and the server's, once it has given one.
  [[nodiscard]] EchoCookie cookie() const noexcept {
    return sends_cookies_ ? memory_->cookie() : EchoCookie{};
  }

  // A datagram that answers the question by id and name. False: ask over a stream. `has_edns`: the question
  // could carry a cookie.
  bool believes(Bytes reply, const Name& name, const LetterCase& written, bool has_edns = true) noexcept;
  // A reply over a stream.
  void learn(Bytes reply, const Name& name, const LetterCase& written, bool has_edns = true) noexcept;

 private:
  enum class CookieSeen : uint8_t {
    kNone,
    kOurs,
    kOther,
    kBad,      // ours, and out of date (BADCOOKIE)
    kFormErr,  // the whole question is, perhaps for its cookie
  };
  CookieSeen read_cookie(Bytes reply) noexcept;

  Random& random_;
  bool mixes_case_;
  bool sends_cookies_;
  std::shared_ptr<ServerMemory> memory_;
};

}  // namespace cenote
