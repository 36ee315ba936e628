#include "resolver/listen/doh_request.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_text.h"

namespace cenote::doh_request_test {
namespace {

HttpRequest post(const std::string& path) {
  HttpRequest request;
  request.method = "POST";
  request.path = path;
  request.headers = {{"content-type", "application/dns-message"}};
  request.body = as_text(test::query("www.example.com", 1));
  return request;
}

DohQuery read(const HttpRequest& request, bool names_by_path) {
  static std::vector<uint8_t> buffer(65535);
  return read_doh_query(request, names_by_path, buffer);
}

}  // namespace

TEST_CASE("a path names its client where the configuration says so, and is not found elsewhere",
          "[listen][doh]") {
  const HttpRequest named = post("/dns-query/kiosk-7");
  CHECK(read(named, true).status == 200);
  CHECK(read(named, true).client_name == "kiosk-7");
  CHECK(read(named, false).status == 404);
  const HttpRequest plain = post("/dns-query");
  for (const bool names_by_path : {true, false}) {
    CHECK(read(plain, names_by_path).status == 200);
    CHECK(read(plain, names_by_path).client_name.empty());
    CHECK(read(plain, names_by_path).size == plain.body.size());
  }
}

TEST_CASE("what is no client's name is no path", "[listen][doh]") {
  for (const char* path : {"/dns-query/", "/dns-query/A", "/dns-query/a/b", "/dns-query/../x", "/dns-queryx",
                           "/dns-query/-", "/dns-query//a", "/", "/other/a"}) {
    CAPTURE(path);
    CHECK(read(post(path), true).status == 404);
  }
}

}  // namespace cenote::doh_request_test
