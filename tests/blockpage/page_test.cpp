#include "blockpage/page.h"

#include <algorithm>
#include <map>
#include <vector>

#include <catch2/catch.hpp>
#include <openssl/evp.h>

#include "resolver/base/text.h"
#include "tests/blockpage/page_fixture.h"

namespace cenote::page_test {
using Catch::Contains;

namespace {

Page load(const BlockpageSettings& settings = page_settings()) {
  auto page = Page::load(settings);
  INFO((page ? "" : page.error().message));
  REQUIRE(page);
  return std::move(*page);
}

std::string html(const Incident& incident, size_t language = 1) {
  return load().blocked(incident, language).body;
}

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

// The embedded assets, with some replaced.
std::vector<Asset> assets_with(const std::map<std::string_view, std::string_view>& changed) {
  std::vector<Asset> assets(embedded_assets().begin(), embedded_assets().end());
  for (Asset& asset : assets) {
    if (const auto found = changed.find(asset.name); found != changed.end()) {
      asset.text = found->second;
    }
  }
  return assets;
}

size_t count(const std::string& text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) {
    ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("the page says what was stopped, why, when, whom to call and the number", "[blockpage][page]") {
  const std::string page = html(page_incident());
  CHECK_THAT(page, Contains("<html lang=\"en\">"));
  CHECK_THAT(page, Contains("A connection to an attacker&#39;s server was stopped"));
  CHECK_THAT(page, Contains("<bdi class=\"host\">c2.example</bdi>"));
  CHECK_THAT(page, Contains("Attacker&#39;s control server (C2)"));
  CHECK_THAT(page, Contains("Example C2 family"));
  CHECK_THAT(page, Contains("c2-intel"));
  CHECK_THAT(page, Contains("datetime=\"2026-11-22T10:15:30.000Z\""));
  CHECK_THAT(page, Contains("The network is working normally"));
  CHECK_THAT(page, Contains("What to do now"));
  CHECK_THAT(page, Contains("<p class=\"incident\">7K4QW-9XM2D</p>"));
  CHECK_THAT(page, Contains("href=\"tel:+81300000000\""));
  CHECK_THAT(page, Contains("href=\"mailto:csirt@example.co.jp?subject=Blocked%20access%207K4QW-9XM2D\""));
  CHECK_THAT(page, Contains("Mon-Fri 9:00-18:00"));
  CHECK_THAT(page, Contains("https://intel.example/1"));
  CHECK_THAT(page, Contains("192.0.2.7"));
}

TEST_CASE("the page is rendered in each configured language", "[blockpage][page]") {
  const Page page = load();
  REQUIRE(page.languages() == std::vector<std::string>{"ja", "en"});
  const HttpResponse japanese = page.blocked(page_incident(), 0);
  CHECK(header(japanese, "content-language") == "ja");
  CHECK_THAT(japanese.body, Contains("攻撃者のサーバーへの接続を止めました"));
  CHECK_THAT(japanese.body, Contains("<a href=\"?lang=en\" lang=\"en\" hreflang=\"en\">English</a>"));
  CHECK_THAT(page.blocked(page_incident(), 1).body, Contains("<a href=\"?lang=ja\""));
}

TEST_CASE("a single language offers no other", "[blockpage][page]") {
  BlockpageSettings settings = page_settings();
  settings.languages = {"en"};
  CHECK_THAT(load(settings).blocked(page_incident(), 0).body, !Contains("<nav"));
}

TEST_CASE("each category has its own words and accent", "[blockpage][page]") {
  const auto [category, accent, word] = GENERATE(table<std::string, std::string, std::string>({
      {"c2", "c2", "Attacker&#39;s control server (C2)"},
      {"malware", "malware", "Malicious software"},
      {"phishing", "phishing", "Fake site (phishing)"},
      {"suspicious", "suspicious", "Suspicious site"},
      {"darknet", "darknet", "Anonymous network (darknet)"},
      {"other", "other", "Dangerous site"},
      {"", "other", "Dangerous site"},
      {"cryptomining", "other", "cryptomining"},  // a feed's own: its word, our general advice
  }));
  const std::string page = html(page_incident("bad.example", category));
  CHECK_THAT(page, Contains("<body class=\"" + accent + "\">"));
  CHECK_THAT(page, Contains("<p class=\"kind\">" + word + "</p>"));
}

TEST_CASE("the response may not be stored, sniffed, framed, or load anything", "[blockpage][page]") {
  const HttpResponse response = load().blocked(page_incident(), 0);
  CHECK(response.status == 403);
  CHECK(header(response, "content-type") == "text/html; charset=utf-8");
  CHECK(header(response, "cache-control") == "no-store");
  CHECK(header(response, "x-content-type-options") == "nosniff");
  CHECK(header(response, "referrer-policy") == "no-referrer");
  CHECK(header(response, "location").empty());
  const std::string policy = header(response, "content-security-policy");
  CHECK_THAT(policy, Catch::StartsWith("default-src 'none'; style-src 'sha256-"));
  CHECK_THAT(policy, Catch::EndsWith("'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
  CHECK_THAT(policy, !Contains("unsafe"));
  CHECK(count(response.body, "<script") == 0);
  CHECK(count(response.body, " style=") == 0);
  CHECK(count(response.body, "src=") == 0);
  CHECK(count(response.body, "<link") == 0);
}

TEST_CASE("the policy's hash is that of the style sheet in the page", "[blockpage][page]") {
  const Page page = load();
  for (const HttpResponse& response : {page.blocked(page_incident(), 0), page.elsewhere(1)}) {
    const size_t from = response.body.find("<style>") + 7;
    const std::string style = response.body.substr(from, response.body.find("</style>") - from);
    unsigned char digest[32];
    EVP_Digest(style.data(), style.size(), digest, nullptr, EVP_sha256(), nullptr);
    unsigned char text[64];
    const int size = EVP_EncodeBlock(text, digest, sizeof digest);
    const std::string hash(text, text + size);
    CHECK_THAT(header(response, "content-security-policy"), Contains("'sha256-" + hash + "'"));
  }
}

TEST_CASE("no text from outside can write HTML", "[blockpage][page]") {
  const std::string attack =
      GENERATE(as<std::string>{}, "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
               "' onmouseover='alert(1)", "</title><script>", "</style><style>*{}", "{{{fact.host}}}",
               "{{>style.css}}", "<!--", "]]>", "&lt;script&gt;", "\xff\xfe<b>", "<b\0x>");
  CAPTURE(attack);
  const std::string calm_page = html(page_incident());

  Incident incident = page_incident();
  std::string wire(1, static_cast<char>(attack.size()));
  wire += attack + '\0';
  const auto host = Name::from_wire(as_bytes(wire));
  REQUIRE(host);
  incident.host = incident.verdict.matched = *host;
  incident.verdict.feed = std::string_view(attack);
  incident.verdict.category = std::string_view(attack);
  incident.verdict.threat = std::string_view(attack);
  incident.verdict.reference = std::string_view(attack);
  const std::string page = html(incident);
  for (const char* markup : {"<script", "<img", "<b>", "<!--", "onerror=alert(1)>", "</title><"}) {
    CAPTURE(markup);
    CHECK(count(page, markup) == 0);
  }
  CHECK(count(page, "</style>") == 1);
  CHECK(count(page, ":root {") == count(calm_page, ":root {"));
  // Not one quote more than our own mark-up has: no attribute can be left.
  CHECK(count(page, " onmouseover='") == 0);
  CHECK(is_valid_utf8(page));
}

TEST_CASE("marks that turn the reading order are shown, not obeyed", "[blockpage][page]") {
  Incident incident = page_incident();
  incident.verdict.threat = std::string_view("invoice\u202Egpj.exe\u200B\r\nX: y\x1b[31m");
  const std::string page = html(incident);
  CHECK_THAT(page, Contains("invoice\\u{202E}gpj.exe\\u{200B}\\x0d\\x0aX: y\\x1b[31m"));
  CHECK(count(page, "\u202E") == 0);
  CHECK(count(page, "\x1b") == 0);
}

TEST_CASE("a category from a feed never becomes a class of the style sheet", "[blockpage][page]") {
  CHECK_THAT(html(page_incident("bad.example", "sign\" onload=\"x")), Contains("<body class=\"other\">"));
}

TEST_CASE("an internationalised name is shown as asked and as it reads", "[blockpage][page]") {
  CHECK_THAT(html(page_incident("xn--wgv71a119e.example")), Contains("<bdi>日本語.example</bdi>"));
  CHECK_THAT(html(page_incident("xn--wgv71a119e.example")),
             Contains("<bdi class=\"host\">xn--wgv71a119e.example</bdi>"));
  CHECK_THAT(html(page_incident("plain.example")), !Contains("reads as"));
  CHECK_THAT(html(page_incident("xn--99999999.example")), !Contains("reads as"));
}

TEST_CASE("what is not known is left out", "[blockpage][page]") {
  Incident incident = page_incident();
  incident.verdict.threat = std::string_view("");
  incident.verdict.reference = std::string_view("");
  incident.verdict.feed = std::string_view("");
  incident.verdict.match = MatchKind::kNone;
  const std::string page = html(incident);
  CHECK_THAT(page, !Contains("<dt>Threat</dt>"));
  CHECK_THAT(page, !Contains("<dt>Listed by</dt>"));
  CHECK_THAT(page, !Contains("<dt>Reference</dt>"));
  CHECK_THAT(page, !Contains("<dt>Matched entry</dt>"));
}

TEST_CASE("an organisation that says nothing of itself still gets a whole page", "[blockpage][page]") {
  BlockpageSettings settings;
  const std::string page = load(settings).blocked(page_incident(), 1).body;
  CHECK_THAT(page, Contains("<strong>your organisation</strong>"));
  CHECK_THAT(page, Contains("the IT desk of your organisation"));
  CHECK_THAT(page, !Contains("mailto:"));
  CHECK_THAT(page, !Contains("tel:"));
}

TEST_CASE("the settings are escaped too", "[blockpage][page]") {
  BlockpageSettings settings = page_settings();
  settings.organisation = "A & <B>";
  settings.contact_mail = "x@example.co.jp\" onclick=\"y?cc=z&bcc=w";
  settings.contact_phone = "<03> 1234";
  const std::string page = load(settings).blocked(page_incident(), 1).body;
  CHECK_THAT(page, Contains("A &amp; &lt;B&gt;"));
  CHECK_THAT(page, Contains("href=\"mailto:x@example.co.jp%22%20onclick%3D%22y%3Fcc%3Dz%26bcc%3Dw?subject="));
  CHECK_THAT(page, Contains("href=\"tel:031234\""));
}

TEST_CASE("a host that is not blocked is told so in its language, with 421", "[blockpage][page]") {
  const HttpResponse response = load().elsewhere(1);
  CHECK(response.status == 421);
  CHECK_THAT(response.body, Contains("Nothing was blocked here"));
  CHECK(header(response, "cache-control") == "no-store");
}

TEST_CASE("a template that would not escape is refused", "[blockpage][page]") {
  const std::string bad = GENERATE(as<std::string>{}, "{{{fact.host}}}", "{{&fact.host}}", "{{& fact.host}}",
                                   "{{  &fact.host}}", "{{=<% %>=}}<%&fact.host%>", "{{\n&fact.host}}");
  CAPTURE(bad);
  const auto page = Page::load(page_settings(), assets_with({{"page.html", bad}}));
  REQUIRE_FALSE(page);
  CHECK_THAT(page.error().message, Contains("page.html"));
  const auto hidden = Page::load(page_settings(), assets_with({{"footer.html", bad}}));
  CHECK_FALSE(hidden);
}

TEST_CASE("a broken template is refused with its name", "[blockpage][page]") {
  const std::string bad =
      GENERATE(as<std::string>{}, "{{#steps}}", "{{title", "{{>nothing.html}}", "{{>never ends");
  CAPTURE(bad);
  const auto page = Page::load(page_settings(), assets_with({{"page.html", bad}}));
  REQUIRE_FALSE(page);
  CHECK_THAT(page.error().message, Contains("page.html"));
}

TEST_CASE("a language that is not there is refused, with those that are", "[blockpage][page]") {
  BlockpageSettings settings = page_settings();
  settings.languages = {"ja", "tlh"};
  const auto page = Page::load(settings);
  REQUIRE_FALSE(page);
  CHECK(page.error().message == "block page: there is no language tlh; there are: en ja");
  settings.languages.clear();
  CHECK_FALSE(Page::load(settings));
}

}  // namespace cenote::page_test
