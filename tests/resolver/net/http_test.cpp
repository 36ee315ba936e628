#include "resolver/net/http.h"

#include <catch2/catch.hpp>

#include "resolver/net/http_protocol.h"

namespace cenote::http_test {
namespace {

TEST_CASE("percent escapes are decoded, and what is none stays", "[net][http]") {
  const auto [text, decoded] = GENERATE(table<std::string, std::string>({
      {"/v1/feeds/c2%2Dintel", "/v1/feeds/c2-intel"},
      {"%41%4a%4A", "AJJ"},
      {"100%", "100%"},
      {"%4", "%4"},
      {"%zz%20", "%zz "},
      {"%2541", "%41"},  // once, not twice
      {"%e3%82%a6", "\u30a6"},
      {"", ""},
  }));
  CHECK(percent_decoded(text) == decoded);
}

TEST_CASE("a host is read without port and brackets, in lower case", "[net][http]") {
  const auto [text, host] = GENERATE(table<std::string, std::string>({
      {"WWW.Example.Test", "www.example.test"},
      {"www.example.test:8080", "www.example.test"},
      {"www.example.test:", "www.example.test"},
      {"www.example.test.", "www.example.test."},
      {"192.0.2.1:80", "192.0.2.1"},
      {"[2001:DB8::1]:443", "2001:db8::1"},
      {"[2001:db8::1]", "2001:db8::1"},
      {"[fe80::1%3]:443", "fe80::1"},
      {"[fe80::1%25eth0]", "fe80::1"},
      {"under_score.example.test", "under_score.example.test"},
      {"", ""},
  }));
  std::string read;
  CHECK(read_host(text, read));
  CHECK(read == host);
}

TEST_CASE("what is no host is refused", "[net][http]") {
  const std::string text =
      GENERATE(as<std::string>{}, "user@example.test", "a b", "a/b", "a:b", "a:99999", "a:1:2", "[::1",
               "[::1]x", "[fe80::1%]", "[fe80::1%a/b]", "[2001:db8::1%eth0]", "[%eth0]", "[zz]", "::1",
               "<script>", "a\tb", "a,b", "[]");
  std::string host;
  CHECK_FALSE(read_host(text, host));
}

TEST_CASE("a target becomes path and query", "[net][http]") {
  struct Row {
    const char* target;
    const char* path;
    const char* query;
    const char* host;
  };
  const Row row = GENERATE(values<Row>({
      {"/", "/", "", ""},
      {"/a%20b?x=1&y=%20", "/a b", "x=1&y=%20", ""},
      {"/a?b?c", "/a", "b?c", ""},
      {"/a%3Fb", "/a?b", "", ""},
      {"//double", "//double", "", ""},
      {"/path#part?q", "/path", "", ""},
      {"http://Other.example.test:81/p?q", "/p", "q", "other.example.test"},
      {"http://other.example.test", "/", "", "other.example.test"},
      {"http://other.example.test?q", "/", "q", "other.example.test"},
  }));
  HttpRequest request;
  request.method = "GET";
  CHECK(read_target(row.target, request));
  CHECK(request.path == row.path);
  CHECK(request.query == row.query);
  CHECK(request.host == row.host);
}

TEST_CASE("a target that names no path is refused", "[net][http]") {
  const std::string target =
      GENERATE(as<std::string>{}, "", "a", "*", "example.test:443", "http://a b/", "?x");
  HttpRequest request;
  request.method = "GET";
  CHECK_FALSE(read_target(target, request));
}

TEST_CASE("an asterisk is a target for OPTIONS alone", "[net][http]") {
  HttpRequest request;
  request.method = "OPTIONS";
  CHECK(read_target("*", request));
  CHECK(request.path == "*");
}

TEST_CASE("parameters are decoded and the first of a name counts", "[net][http]") {
  HttpRequest request;
  request.query = "since=1h&name=a%2Bb+c&empty=&bare&since=2h&na%6De2=x";
  CHECK(request.parameter("since") == "1h");
  CHECK(request.parameter("name") == "a+b c");
  CHECK(request.parameter("empty") == "");
  CHECK(request.parameter("bare") == "");
  CHECK(request.parameter("name2") == "x");
  CHECK_FALSE(request.parameter("missing"));
}

TEST_CASE("the first header of a name is found", "[net][http]") {
  HttpRequest request;
  request.headers = {{"accept", "a"}, {"accept", "b"}};
  CHECK(request.header("accept") == "a");
  CHECK(request.header("cookie").empty());
}

TEST_CASE("a header value cannot end its line", "[net][http]") {
  CHECK(header_safe("a\r\nset-cookie: x") == "a  set-cookie: x");
  CHECK(header_safe(std::string("a\0b\x7f\tc", 6)) == "a b \tc");
  CHECK(header_safe("\u30a6") == "\u30a6");
}

}  // namespace

}  // namespace cenote::http_test
