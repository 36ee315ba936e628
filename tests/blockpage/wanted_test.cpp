#include "blockpage/wanted.h"

#include <catch2/catch.hpp>

namespace cenote::wanted_test {
namespace {

const std::vector<std::string> kTags{"ja", "en", "pt-br"};

std::string language(std::string_view header) {
  return kTags[choose_language(header, kTags)];
}

HttpRequest request(HttpHeaders headers, std::string method = "GET", std::string path = "/") {
  HttpRequest made;
  made.method = std::move(method);
  made.path = std::move(path);
  made.headers = std::move(headers);
  return made;
}

constexpr auto kChromiumPage =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8";
constexpr auto kChromiumImage = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

}  // namespace

TEST_CASE("the language is the best that the browser accepts", "[blockpage][wanted]") {
  const auto [header, expected] = GENERATE(table<std::string, std::string>({
      {"", "ja"},
      {"en", "en"},
      {"EN", "en"},
      {"en-GB,en;q=0.9", "en"},
      {"ja,en;q=0.9", "ja"},
      {"en-US,en;q=0.9,ja;q=0.8", "en"},
      {"ja;q=0.4, en;q=0.5", "en"},
      {"de,en;q=0.5,ja;q=0.1", "en"},
      {"de-DE,fr", "ja"},
      {"*", "ja"},
      {"ja;q=0, *", "en"},
      {"ja;q=0", "ja"},
      {"en,ja", "en"},
      {"de, *;q=0.5, ja;q=0.1", "en"},
      {"pt", "pt-br"},
      {"pt-BR", "pt-br"},
      {"pt-PT", "ja"},
      {"en;q=0.001", "en"},
      {"en;q=0.000", "ja"},
  }));
  CAPTURE(header);
  CHECK(language(header) == expected);
}

TEST_CASE("a malformed Accept-Language means the default, or what is left of it", "[blockpage][wanted]") {
  const auto [header, expected] = GENERATE(table<std::string, std::string>({
      {"en;q=2", "ja"},
      {"en;q=1.001", "ja"},
      {"en;q=0.1234", "ja"},
      {"en;q=,en;q=0.5", "en"},
      {"en;q=x", "ja"},
      {";;;,,,", "ja"},
      {"english", "ja"},
      {"e", "ja"},
      {"en-", "en"},
      {"\xff\xfe,en", "en"},
      {"en;level=1;q=0.5", "en"},
  }));
  CAPTURE(header);
  CHECK(language(header) == expected);
}

TEST_CASE("an Accept-Language of any length is read only so far", "[blockpage][wanted]") {
  std::string header;
  for (int i = 0; i < 1000; ++i) {
    header += "xx,";
  }
  CHECK(language(header + "en") == "ja");
}

TEST_CASE("a request is answered as what asked for it can use", "[blockpage][wanted]") {
  const auto [accept, destination, expected] = GENERATE(table<std::string, std::string, Wanted>({
      {"", "", Wanted::kPage},
      {"*/*", "", Wanted::kPage},
      {kChromiumPage, "", Wanted::kPage},
      {kChromiumPage, "document", Wanted::kPage},
      {kChromiumPage, "iframe", Wanted::kPage},
      {"application/json", "", Wanted::kJson},
      {"application/json, text/plain, */*", "", Wanted::kJson},
      {"text/html, application/json;q=0.9", "", Wanted::kPage},
      {"*/*", "empty", Wanted::kJson},
      {kChromiumImage, "", Wanted::kImage},
      {kChromiumImage, "image", Wanted::kImage},
      {"*/*", "script", Wanted::kScript},
      {"text/css,*/*;q=0.1", "", Wanted::kStyle},
      {"*/*", "font", Wanted::kFont},
      {"*/*", "audio", Wanted::kNothing},
  }));
  CAPTURE(accept, destination);
  HttpHeaders headers;
  if (!accept.empty()) {
    headers.emplace_back("accept", accept);
  }
  if (!destination.empty()) {
    headers.emplace_back("sec-fetch-dest", destination);
  }
  CHECK(what_is_wanted(request(headers)) == expected);
  headers.emplace_back("x-requested-with", "XMLHttpRequest");
  CHECK(what_is_wanted(request(headers)) == Wanted::kJson);
}

TEST_CASE("over plain HTTP a file's name tells a script from a page", "[blockpage][wanted]") {
  CHECK(what_is_wanted(request({{"accept", "*/*"}}, "GET", "/lib/app.JS")) == Wanted::kScript);
  CHECK(what_is_wanted(request({{"accept", "*/*"}}, "GET", "/font.woff2")) == Wanted::kFont);
  CHECK(what_is_wanted(request({{"accept", "*/*"}}, "GET", "/pixel.gif")) == Wanted::kImage);
  CHECK(what_is_wanted(request({{"accept", kChromiumPage}}, "GET", "/app.js")) == Wanted::kPage);
  CHECK(what_is_wanted(request({}, "GET", "/favicon.ico")) == Wanted::kImage);
  CHECK(what_is_wanted(request({}, "GET", "/.js")) == Wanted::kScript);
}

TEST_CASE("only a person's form gets a page for another method than GET", "[blockpage][wanted]") {
  CHECK(what_is_wanted(request({{"accept", kChromiumPage}}, "POST")) == Wanted::kPage);
  CHECK(what_is_wanted(request({{"accept", "*/*"}}, "POST")) == Wanted::kNothing);
  CHECK(what_is_wanted(request({}, "PUT")) == Wanted::kNothing);
  CHECK(what_is_wanted(request({{"accept", "application/json"}}, "POST")) == Wanted::kJson);
  CHECK(what_is_wanted(request({{"accept", kChromiumPage}}, "HEAD")) == Wanted::kPage);
  CHECK(what_is_wanted(request({{"accept", kChromiumPage}, {"access-control-request-method", "PUT"}},
                               "OPTIONS")) == Wanted::kNothing);
}

}  // namespace cenote::wanted_test
