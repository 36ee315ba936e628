#include "resolver/cache/answer_cache.h"

#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "tests/support/dns_text.h"

namespace cenote::answer_cache_test {
namespace {

using test::query;
using test::Reply;
using test::Wire;

constexpr MonoTime kStart{seconds{10'000}};

CacheKey key(std::string_view name, uint16_t type = rrtype::kA) {
  CacheKey made;
  made.name = Name::from_text(name).value();
  made.type = type;
  return made;
}
ScrubbedResponse scrubbed(const Reply& reply) {
  ScrubbedResponse out;
  REQUIRE(scrub_response(reply.wire(), false, out) == ScrubStatus::kOk);
  return out;
}
ScrubbedResponse address(const std::string& name, uint32_t ttl, const std::string& ip = "192.0.2.1") {
  return scrubbed(Reply(query(name, rrtype::kA)).answer(name + ". " + std::to_string(ttl) + " IN A " + ip));
}
ScrubbedResponse negative(const std::string& name, uint32_t ttl, Rcode rcode = Rcode::kNxDomain) {
  return scrubbed(
      Reply(query(name, rrtype::kA))
          .rcode(rcode)
          .authority("test. " + std::to_string(ttl) + " IN SOA ns.test. root.test. 1 2 3 4 86400"));
}
std::vector<std::string> answers(const AnswerCache::Entry& entry, MonoTime now) {
  Wire out(65535);
  out.resize(entry.copy(out, now));
  return test::read(out).answers;
}

struct Cache {
  CacheSettings settings;
  AnswerCache cache;
  explicit Cache(uint64_t bytes = 1 << 20, CacheSettings made = {})
      : settings(with_bytes(made, bytes)), cache(settings) {}
  static CacheSettings with_bytes(CacheSettings settings, uint64_t bytes) {
    settings.bytes = bytes;
    return settings;
  }
  AnswerCache* operator->() { return &cache; }
};

CacheSettings with_cut(NxdomainCut cut) {
  CacheSettings settings;
  settings.nxdomain_cut = cut;
  return settings;
}

using Answers = std::vector<std::string>;

}  // namespace

TEST_CASE("an answer ages with the clock and is gone when its TTL is over", "[cache]") {
  Cache cache;
  REQUIRE(cache->insert(key("a.test"), address("a.test", 60), kStart));
  for (const int age : {0, 1, 59}) {
    auto* entry = cache->find(key("a.test"), kStart + seconds{age});
    REQUIRE(entry);
    CHECK(answers(*entry, kStart + seconds{age}) ==
          Answers{"a.test. " + std::to_string(60 - age) + " IN A 192.0.2.1"});
  }
  CHECK(cache->find(key("a.test"), kStart + milliseconds{59'999}));
  CHECK_FALSE(cache->find(key("a.test"), kStart + seconds{60}));
}

TEST_CASE("an answer lasts no longer than its TTL, in whatever part of a second it came", "[cache]") {
  const milliseconds part{GENERATE(range(0, 1000, 37))};
  Cache cache;
  const MonoTime came = kStart + part;
  cache->insert(key("www.example.test"), address("www.example.test", 2), came);
  CHECK(cache->find(key("www.example.test"), came + milliseconds{1930}) != nullptr);
  CHECK(cache->find(key("www.example.test"), came + seconds{2}) == nullptr);
}

TEST_CASE("what differs in type, DO, CD or upstream zone is another question", "[cache]") {  // RFC 6840 5.9
  Cache cache;
  cache->insert(key("a.test"), address("a.test", 60), kStart);
  CacheKey other = key("a.test");
  SECTION("type") {
    other.type = rrtype::kAaaa;
  }
  SECTION("DO") {
    other.dnssec_ok = true;
  }
  SECTION("CD") {
    other.checking_disabled = true;
  }
  SECTION("partition") {
    other.partition = 1;
  }  // MaginotDNS
  SECTION("name") {
    other = key("b.test");
  }
  CHECK_FALSE(cache->find(other, kStart));
  CHECK(cache->find(key("A.TEST"), kStart));
}

TEST_CASE("TTLs are capped, in the message too", "[cache]") {
  CacheSettings settings;
  settings.max_ttl = seconds{100};
  settings.max_negative_ttl = seconds{10};
  Cache cache(1 << 20, settings);
  auto* entry = cache->insert(key("a.test"), address("a.test", 5000), kStart);
  REQUIRE(entry);
  CHECK(answers(*entry, kStart) == Answers{"a.test. 100 IN A 192.0.2.1"});
  CHECK_FALSE(entry->is_fresh(kStart + seconds{100}));
  REQUIRE(cache->insert(key("no.test"), negative("no.test", 5000), kStart));
  CHECK(cache->find(key("no.test"), kStart + seconds{9}));
  CHECK_FALSE(cache->find(key("no.test"), kStart + seconds{10}));
}

TEST_CASE("who gets a response first keeps it no longer than who gets it from the cache", "[cache]") {
  CacheSettings settings;
  settings.max_ttl = seconds{100};
  settings.max_negative_ttl = seconds{10};
  Cache cache(1 << 20, settings);
  ScrubbedResponse positive = scrubbed(Reply(query("a.test", rrtype::kA))
                                           .answer("a.test. 5000 IN CNAME b.test.")
                                           .answer("b.test. 300 IN A 192.0.2.1")
                                           .answer("b.test. 60 IN A 192.0.2.2"));
  auto* entry = cache->insert(key("a.test"), positive, kStart);
  REQUIRE(entry);
  CHECK(test::read(positive.message).answers == answers(*entry, kStart));
  CHECK(answers(*entry, kStart) ==
        Answers{"a.test. 100 IN CNAME b.test.", "b.test. 60 IN A 192.0.2.1", "b.test. 60 IN A 192.0.2.2"});
  ScrubbedResponse none = negative("no.test", 5000);
  entry = cache->insert(key("no.test"), none, kStart);
  REQUIRE(entry);
  CHECK(test::read(none.message).authorities == test::read(entry->message()).authorities);
  CHECK(test::read(none.message).authorities.front().find(" 10 IN SOA ") != std::string::npos);
  // Also what is not kept.
  ScrubbedResponse without_soa =
      scrubbed(Reply(query("a.test", rrtype::kAaaa)).answer("a.test. 5000 IN CNAME b.test."));
  CHECK_FALSE(cache->insert(key("a.test"), without_soa, kStart));
  CHECK(test::read(without_soa.message).answers == Answers{"a.test. 10 IN CNAME b.test."});
}

TEST_CASE("what says nothing that lasts is not kept", "[cache]") {
  Cache cache;
  CHECK_FALSE(cache->insert(key("a.test"), address("a.test", 0), kStart));
  // RFC 2308 section 5: no SOA, no negative caching.
  CHECK_FALSE(cache->insert(key("a.test"),
                            scrubbed(Reply(query("a.test", rrtype::kA)).rcode(Rcode::kNxDomain)), kStart));
  CHECK_FALSE(cache->insert(key("a.test"),
                            scrubbed(Reply(query("a.test", rrtype::kA)).rcode(Rcode::kServFail)), kStart));
  Reply large(query("a.test", rrtype::kTxt));
  for (int i = 0; i < 80; ++i) {
    large.answer("a.test. 60 IN TXT \"" + std::string(240, static_cast<char>('a' + i % 26)) +
                 std::to_string(i) + "\"");
  }
  CHECK_FALSE(cache->insert(key("a.test", rrtype::kTxt), scrubbed(large), kStart));
  CHECK(cache->counts().entries == 0);
}

TEST_CASE("NXDOMAIN and NODATA are kept with their SOA", "[cache]") {
  const Rcode rcode = GENERATE(Rcode::kNxDomain, Rcode::kNoError);
  Cache cache;
  auto* entry = cache->insert(key("no.test"), negative("no.test", 60, rcode), kStart);
  REQUIRE(entry);
  CHECK(entry->rcode() == rcode);
  Wire out(65535);
  out.resize(entry->copy(out, kStart + seconds{20}));
  REQUIRE(test::read(out).authorities.size() == 1);
  CHECK(test::read(out).authorities[0].starts_with("test. 40 IN SOA"));
}

TEST_CASE("a failure is remembered for seconds", "[cache]") {  // RFC 9520 section 3.2
  Cache cache;
  cache->insert_failure(key("a.test"), kStart);
  auto* entry = cache->find(key("a.test"), kStart + milliseconds{900});
  REQUIRE(entry);
  CHECK(entry->is_failure());
  CHECK_FALSE(cache->find(key("a.test"), kStart + seconds{5}));
  CHECK_FALSE(cache->find_stale(key("a.test"), kStart));
  REQUIRE(cache->insert(key("a.test"), address("a.test", 60), kStart));
  CHECK_FALSE(cache->find(key("a.test"), kStart)->is_failure());
}

TEST_CASE("a stale answer is given while upstream fails, with its own TTL", "[cache]") {  // RFC 8767
  CacheSettings settings;
  settings.serve_stale = seconds{3600};
  Cache cache(1 << 20, settings);
  cache->insert(key("a.test"), address("a.test", 60), kStart);
  const MonoTime later = kStart + seconds{100};
  CHECK_FALSE(cache->find(key("a.test"), later));
  auto* stale = cache->find_stale(key("a.test"), later);
  REQUIRE(stale);
  CHECK_FALSE(stale->is_fresh(later));
  CHECK(answers(*stale, later) == Answers{"a.test. 30 IN A 192.0.2.1"});

  cache->insert_failure(key("a.test"), later);
  CHECK(cache->find(key("a.test"), later + seconds{29}));  // without asking again
  CHECK_FALSE(cache->find(key("a.test"), later + seconds{30}));
  CHECK(cache->find_stale(key("a.test"), kStart + seconds{3659}));
  CHECK_FALSE(cache->find_stale(key("a.test"), kStart + seconds{3660}));
}

TEST_CASE("with serve_stale 0 an old answer is never given", "[cache]") {
  CacheSettings settings;
  settings.serve_stale = seconds{0};
  Cache cache(1 << 20, settings);
  cache->insert(key("a.test"), address("a.test", 60), kStart);
  CHECK_FALSE(cache->find_stale(key("a.test"), kStart + seconds{60}));
  cache->insert_failure(key("a.test"), kStart + seconds{61});
  CHECK(cache->find(key("a.test"), kStart + seconds{62})->is_failure());
}

TEST_CASE("an answer replaces the one before, and its policy mark", "[cache]") {
  Cache cache;
  cache->insert(key("a.test"), address("a.test", 60), kStart)->findings.set_clear_under(7);
  auto* entry = cache->insert(key("a.test"), address("a.test", 60, "192.0.2.9"), kStart + seconds{1});
  CHECK(entry->findings.clear_under() == 0);
  CHECK(answers(*entry, kStart + seconds{1}) == Answers{"a.test. 60 IN A 192.0.2.9"});
  CHECK(cache->counts().entries == 1);
}

TEST_CASE("a flood of names that are asked once does not push out the hot ones", "[cache]") {  // SIEVE
  Cache cache(256 * 1024);
  const auto hot = [](int i) { return "hot" + std::to_string(i) + ".test"; };
  for (int i = 0; i < 20; ++i) {
    cache->insert(key(hot(i)), address(hot(i), 3600), kStart);
  }
  for (int i = 0; i < 20'000; ++i) {
    const std::string once = "once" + std::to_string(i) + ".test";
    cache->insert(key(once), address(once, 3600), kStart);
    cache->find(key(hot(i % 20)), kStart);
    REQUIRE(cache->counts().bytes <= 256 * 1024);
  }
  CHECK(cache->counts().evicted > 15'000);
  for (int i = 0; i < 20; ++i) {
    CHECK(cache->find(key(hot(i)), kStart));
  }
}

TEST_CASE("one entry larger than the whole cache leaves it usable", "[cache]") {
  Cache cache(100);
  CHECK(cache->insert(key("a.test"), address("a.test", 60), kStart));
  CHECK(cache->insert(key("b.test"), address("b.test", 60), kStart));
  CHECK(cache->counts().entries == 1);
  CHECK(cache->find(key("b.test"), kStart));
  cache->clear();
  CHECK(cache->counts().bytes == 0);
}

TEST_CASE("random operations do what a plain map would do", "[cache]") {
  const auto seed = GENERATE(take(6, random(1, 1 << 30)));
  const bool small = GENERATE(true, false);
  CAPTURE(seed, small);
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  CacheSettings settings;
  settings.serve_stale = seconds{50};
  const uint64_t capacity = small ? 20'000 : 10'000'000;
  Cache cache(capacity, settings);
  struct Known {
    std::string ip;  // empty: a failure
    MonoTime expires;
    MonoTime stale_until;
    MonoTime retry_after;
  };
  std::map<std::string, Known> model;
  MonoTime now = kStart;
  for (int step = 0; step < 4000; ++step) {
    const std::string name = "n" + std::to_string(random() % 400) + ".test";
    now += std::chrono::nanoseconds{62'500'000} * (random() % 5);  // the cache reckons in sixteenths
    const auto known = model.find(name);
    switch (random() % 8) {
      case 0:
      case 1: {
        const auto ttl = static_cast<uint32_t>(1 + random() % 100);
        const std::string ip = "192.0.2." + std::to_string(random() % 256);
        REQUIRE(cache->insert(key(name), address(name, ttl, ip), now));
        model[name] = {ip, now + seconds{ttl}, now + seconds{ttl} + settings.serve_stale, {}};
        break;
      }
      case 2:
        if (known != model.end() && !known->second.ip.empty() && now < known->second.stale_until) {
          // In the small cache the answer may have been evicted: then this is a failure, or nothing that we
          // know.
          if (cache->find_stale(key(name), now) != nullptr) {
            known->second.retry_after = now + seconds{30};
          } else {
            model[name] = {"", now + seconds{5}, now + seconds{5}, {}};
          }
        } else {
          model[name] = {"", now + seconds{5}, now + seconds{5}, {}};
        }
        cache->insert_failure(key(name), now);
        break;
      default: {
        auto* entry = cache->find(key(name), now);
        const bool expected =
            known != model.end() && (now < known->second.expires ||
                                     (now < known->second.retry_after && now < known->second.stale_until));
        if (small ? (entry != nullptr && !expected) : ((entry != nullptr) != expected)) {
          FAIL("step " << step << ": " << name << (expected ? " is missing" : " should be gone"));
        }
        if (entry != nullptr && !entry->is_failure()) {
          REQUIRE(answers(*entry, now).at(0).ends_with(" IN A " + known->second.ip));
        } else if (entry != nullptr) {
          REQUIRE(known->second.ip.empty());
        }
      }
    }
    REQUIRE(cache->counts().bytes <= capacity);
  }
  CHECK((cache->counts().evicted > 0) == small);
}

TEST_CASE("what upstream said beside an answer comes back as it was, and only with that answer",
          "[cache][ede]") {
  const std::string text = GENERATE(std::string("upstream"), std::string("upstream: \xe9\x98\xbb"),
                                    std::string(kMaxUpstreamErrorText, 'x'));
  Cache cache;
  ScrubbedResponse filtered = address("a.test", 60, "0.0.0.0");
  filtered.error = UpstreamError{Ede::kFiltered, text};
  cache->insert(key("a.test"), filtered, kStart);
  cache->insert(key("b.test"), address("b.test", 60), kStart);
  auto* entry = cache->find(key("a.test"), kStart + seconds{5});
  REQUIRE(entry);
  REQUIRE(entry->has_error());
  CHECK(entry->error().code == Ede::kFiltered);
  CHECK(entry->error().text == text);
  CHECK(Bytes(entry->message()).size() == filtered.message.size());
  CHECK(answers(*entry, kStart + seconds{5}) == Answers{"a.test. 55 IN A 0.0.0.0"});
  CHECK_FALSE(cache->find(key("b.test"), kStart)->has_error());
  cache->insert(key("a.test"), address("a.test", 60), kStart + seconds{6});
  CHECK_FALSE(cache->find(key("a.test"), kStart + seconds{6})->has_error());
}

TEST_CASE("an extended error is counted, and costs nothing where there is none", "[cache][ede]") {
  Cache cache;
  cache->insert(key("a.test"), address("a.test", 60), kStart);
  const uint64_t plain = cache->counts().bytes;
  ScrubbedResponse filtered = address("a.test", 60);
  filtered.error = UpstreamError{Ede::kFiltered, "upstream: adult content"};
  cache->insert(key("a.test"), filtered, kStart);
  CHECK(cache->counts().bytes == plain + 2 + 1 + filtered.error->text.size());
  cache->clear();
  CHECK(cache->counts().bytes == 0);
  // sizeof of what lies in the cache a million times: a byte more is a megabyte.
  CHECK(sizeof(AnswerCache::Entry) == 44);
}

TEST_CASE("an NXDOMAIN reaches other types and what is below as far as it is believed", "[cache]") {
  // RFC 2308 section 5, RFC 8020 section 2
  const auto [cut, is_proven, reaches] = GENERATE(table<NxdomainCut, bool, bool>({
      {NxdomainCut::kProven, false, false},
      {NxdomainCut::kProven, true, true},
      {NxdomainCut::kAll, false, true},
      {NxdomainCut::kAll, true, true},
      {NxdomainCut::kOff, false, false},
      {NxdomainCut::kOff, true, false},
  }));
  CAPTURE(static_cast<int>(cut), is_proven);
  Cache cache(1 << 20, with_cut(cut));
  ScrubbedResponse none = negative("gone.test", 60);
  none.message[3] |= is_proven ? flag::kAd : 0;
  REQUIRE(cache->insert(key("gone.test"), none, kStart));
  REQUIRE(cache->find(key("gone.test"), kStart));
  CHECK((cache->find(key("gone.test", rrtype::kAaaa), kStart) != nullptr) == reaches);
  CHECK((cache->find_cut(key("a.b.gone.test"), kStart) != nullptr) == reaches);
  CHECK_FALSE(cache->find_cut(key("notgone.test"), kStart));
}

TEST_CASE("an unproven NXDOMAIN for one type leaves what is known of another", "[cache]") {
  Cache cache;
  cache->insert(key("a.test"), address("a.test", 5), kStart);
  cache->insert(key("a.test", rrtype::kAaaa), negative("a.test", 60), kStart);
  CHECK(cache->find(key("a.test"), kStart)->rcode() == Rcode::kNoError);
  CHECK_FALSE(cache->find(key("a.test"), kStart + seconds{6}));  // asked anew, not denied
  CHECK(cache->find(key("a.test", rrtype::kAaaa), kStart + seconds{6})->rcode() == Rcode::kNxDomain);
  // Nor does it take the stale answer's place.
  CHECK(cache->find_stale(key("a.test"), kStart + seconds{6})->rcode() == Rcode::kNoError);
}

TEST_CASE("RFC 8020: a filter's NXDOMAIN says nothing of what is below", "[cache][ede]") {
  Cache cache(1 << 20, with_cut(NxdomainCut::kAll));
  ScrubbedResponse filtered = negative("bad.test", 60);
  cache->insert(key("gone.test"), negative("gone.test", 60), kStart);
  filtered.error = UpstreamError{Ede::kBlocked, "upstream"};
  cache->insert(key("bad.test"), filtered, kStart);
  CHECK(cache->find_cut(key("www.gone.test"), kStart));
  CHECK_FALSE(cache->find_cut(key("www.bad.test"), kStart));
  CHECK(cache->find(key("bad.test", rrtype::kAaaa), kStart)->error().code == Ede::kBlocked);
}

}  // namespace cenote::answer_cache_test
