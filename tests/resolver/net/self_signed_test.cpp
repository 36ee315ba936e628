#include "resolver/net/self_signed.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "resolver/net/tls.h"
#include "tests/support/temporary_folder.h"

namespace cenote::self_signed_test {

TEST_CASE("a self-signed pair is made once, its key for the owner alone, and serves TLS", "[net][tls]") {
  const TemporaryFolder folder;
  const auto made = self_signed_pair(folder / "state", {"host.example", "192.0.2.1", "::1"}, wall_now());
  REQUIRE(made);
  CHECK(made->is_new);
  struct stat status {};
  REQUIRE(stat(made->key_file.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(TlsContext::server(made->certificate_file, made->key_file, {"dot"}));
  const auto again = self_signed_pair(folder / "state", {"host.example"}, wall_now());
  REQUIRE(again);
  CHECK_FALSE(again->is_new);
  CHECK(again->pin == made->pin);
}

TEST_CASE("a certificate close to its end is renewed with the same key, which clients have pinned",
          "[net][tls]") {
  const TemporaryFolder folder;
  const auto now = wall_now();
  const auto made = self_signed_pair(folder.path(), {}, now);
  REQUIRE(made);
  const auto renewed = self_signed_pair(folder.path(), {}, now + std::chrono::hours{24 * 365 * 5 - 24});
  REQUIRE(renewed);
  CHECK(renewed->is_new);
  CHECK(renewed->pin == made->pin);
}

TEST_CASE("a broken key file is not overwritten", "[net][tls]") {
  const TemporaryFolder folder;
  folder.write("dns.key", "no key");
  CHECK_FALSE(self_signed_pair(folder.path(), {}, wall_now()));
  CHECK(folder.read("dns.key") == "no key");
}

TEST_CASE("a pipe in the place of the key is left alone, and one in the certificate's place goes",
          "[net][tls]") {
  const TemporaryFolder folder;
  REQUIRE(mkfifo((folder / "dns.crt").c_str(), 0600) == 0);
  CHECK(self_signed_pair(folder.path(), {}, wall_now()));
  CHECK(std::filesystem::is_regular_file(folder / "dns.crt"));
  std::filesystem::remove(folder / "dns.key");
  REQUIRE(mkfifo((folder / "dns.key").c_str(), 0600) == 0);
  CHECK_FALSE(self_signed_pair(folder.path(), {}, wall_now()));
  CHECK(std::filesystem::is_fifo(folder / "dns.key"));
}

}  // namespace cenote::self_signed_test
