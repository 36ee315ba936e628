#include "blockpage/page.h"

#include <array>
#include <cstdlib>
#include <functional>
#include <map>
#include <utility>

#include <idn2.h>
#include <kainjow/mustache.hpp>
#include <openssl/evp.h>

#include "blockpage/language.h"
#include "blockpage/safe_response.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

using kainjow::mustache::data;
using kainjow::mustache::mustache;

constexpr std::string_view kReferenceLanguage = "en.json";  // what it has, every language must have

// Replaces "{{>name}}" by the asset of that name. Done once and here, not by the template engine at each
// request.
Result<std::string> with_includes(Assets assets, std::string_view name) {
  constexpr std::string_view kOpen = "{{>";
  const std::string_view text = find_asset(assets, name);
  if (text.empty()) {
    return fail("block page: there is no {}", name);
  }
  std::string whole;
  size_t from = 0;
  for (size_t at = text.find(kOpen); at != std::string_view::npos; at = text.find(kOpen, from)) {
    const size_t end = text.find("}}", at);
    const std::string_view part = text.substr(at + kOpen.size(), end - at - kOpen.size());
    const std::string_view content = find_asset(assets, part);
    if (end == std::string_view::npos || content.empty()) {
      return fail("block page: {} includes {}, which is not there", name, printable(part, 64));
    }
    whole.append(text.substr(from, at - from)).append(content);
    from = end + 2;
  }
  return whole.append(text.substr(from));
}

// "{{{x}}}" and "{{&x}}" would not escape; "{{=" would rename the tags and hide them from this look.
std::string_view first_unsafe_tag(std::string_view text) noexcept {
  constexpr size_t kShown = 16;  // of a tag, for the message
  for (size_t at = text.find("{{"); at != std::string_view::npos; at = text.find("{{", at + 2)) {
    const size_t first = text.find_first_not_of(" \t\r\n\f\v", at + 2);
    if (first != std::string_view::npos &&
        std::string_view("{&=").find(text[first]) != std::string_view::npos) {
      return text.substr(at, kShown);
    }
  }
  return {};
}

Result<mustache> compile(Assets assets, std::string_view name) {
  auto text = with_includes(assets, name);
  if (!text) {
    return text.error();
  }
  if (const std::string_view unsafe = first_unsafe_tag(*text); !unsafe.empty()) {
    return fail("block page: {} contains \"{}\", which would let a feed or a host name write HTML", name,
                printable(unsafe));
  }
  mustache compiled(*text);
  if (!compiled.is_valid()) {
    return fail("block page: {}: {}", name, compiled.error_message());
  }
  compiled.set_custom_escape([](const std::string& value) { return escape_html(value); });
  return compiled;
}

data to_data(const nlohmann::json& json) {
  if (json.is_string()) {
    return data(json.get<std::string>());
  }
  if (json.is_array()) {
    data list(data::type::list);
    for (const auto& item : json) {
      list << to_data(item);
    }
    return list;
  }
  data object(data::type::object);
  for (const auto& [key, value] : json.items()) {
    object.set(key, to_data(value));
  }
  return object;
}

// CSP level 3 section 8.3: the hash of exactly what stands between the tags.
std::string style_hash(std::string_view style) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(style.data(), style.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE * 2> text{};
  const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  return "sha256-" + std::string(text.begin(), text.begin() + length);
}

// The name as its owner would write it ("xn--..." decoded); empty when that is the same or not possible.
std::string readable(const std::string& host) {
  char* decoded = nullptr;
  if (idn2_to_unicode_8z8z(host.c_str(), &decoded, 0) != IDN2_OK) {
    return {};
  }
  const std::unique_ptr<char, decltype(&std::free)> owner(decoded, &std::free);
  return host == decoded ? std::string{} : printable(decoded);
}

std::string percent_encoded(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          std::string_view("-._~@").find(c) != std::string_view::npos;
    safe += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return safe;
}

std::string phone_link(std::string_view phone) {  // RFC 3966 section 3: what people add for the eye goes
  std::string link = "tel:";
  for (const char c : phone) {
    if ((c >= '0' && c <= '9') || (c == '+' && link == "tel:")) {
      link += c;
    }
  }
  return link;
}

std::string matched_text(const Verdict& verdict) {
  switch (verdict.match) {
    case MatchKind::kNone:
      return {};
    case MatchKind::kAddress:
    case MatchKind::kServiceHint:
      return fmt::format("{} ({})", verdict.address.to_text(), to_text(verdict.match));
    default:
      return fmt::format("{} ({}, {})", verdict.matched.suffix(verdict.depth).to_text(),
                         to_text(verdict.match), to_text(verdict.scope));
  }
}

void set_unless_empty(data& object, const std::string& key, std::string text) {
  if (!text.empty()) {  // a missing key hides its section; an empty string would not
    object.set(key, std::move(text));
  }
}

}  // namespace

struct Page::State {
  struct Tongue {
    Language language;
    data texts;
    std::map<std::string, data, std::less<>> categories;
    data others{data::type::list};  // the other languages, for the links
  };

  Result<void> add_language(Assets assets, const std::string& tag, const nlohmann::json& complete);
  void link_languages();
  [[nodiscard]] data common_facts(const Tongue& tongue) const;
  void add_contact(data& fact, const Tongue& tongue, std::string_view incident) const;
  [[nodiscard]] data facts(const Tongue& tongue, const Incident& incident) const;

  BlockpageSettings settings;
  std::vector<Tongue> tongues;
  // Not const for the engine's render(), though it leaves them as they are.
  mutable mustache blocked{""};
  mutable mustache elsewhere{""};
  std::string style;  // its hash
};

Result<void> Page::State::add_language(Assets assets, const std::string& tag,
                                       const nlohmann::json& complete) {
  const std::string_view file = find_asset(assets, tag + ".json");
  if (file.empty()) {
    std::string known;
    for (const Asset& asset : assets) {
      if (asset.name.ends_with(".json")) {
        known += fmt::format(" {}", asset.name.substr(0, asset.name.size() - 5));
      }
    }
    return fail("block page: there is no language {}; there are:{}", printable(tag, 32), known);
  }
  auto language = Language::load(tag, file, complete);
  if (!language) {
    return language.error().within("block page");
  }
  Tongue tongue{.language = std::move(*language), .texts = {}, .categories = {}};
  tongue.texts = to_data(tongue.language.texts());
  for (const auto& [name, texts] : tongue.language.texts()["categories"].items()) {
    tongue.categories.emplace(name, to_data(texts));
  }
  tongues.push_back(std::move(tongue));
  return {};
}

void Page::State::link_languages() {
  for (Tongue& tongue : tongues) {
    for (const Tongue& other : tongues) {
      if (&other != &tongue) {
        data link(data::type::object);
        link.set("tag", other.language.tag());
        link.set("name", other.language.text("name"));
        tongue.others << link;
      }
    }
  }
}

data Page::State::common_facts(const Tongue& tongue) const {
  data fact(data::type::object);
  fact.set("language", tongue.language.tag());
  fact.set("organisation", settings.organisation.empty() ? tongue.language.text("your_organisation")
                                                         : printable(settings.organisation));
  fact.set("has_others", data(tongues.size() > 1));
  fact.set("others", tongue.others);
  return fact;
}

void Page::State::add_contact(data& fact, const Tongue& tongue, std::string_view incident) const {
  const bool has_contact = !settings.contact_mail.empty() || !settings.contact_phone.empty();
  fact.set("has_contact", data(has_contact));
  if (!settings.contact_phone.empty()) {
    fact.set("phone", printable(settings.contact_phone));
    fact.set("phone_link", phone_link(settings.contact_phone));
  }
  if (!settings.contact_mail.empty()) {
    const std::string subject = fmt::format("{} {}", tongue.language.text("mail_subject"), incident);
    fact.set("mail", printable(settings.contact_mail));
    fact.set("mail_link", fmt::format("mailto:{}?subject={}", percent_encoded(settings.contact_mail),
                                      percent_encoded(subject)));
  }
  set_unless_empty(fact, "hours", printable(settings.contact_hours));
}

data Page::State::facts(const Tongue& tongue, const Incident& incident) const {
  const Verdict& verdict = incident.verdict;
  const std::string category = printable(verdict.category);
  const bool is_known = tongue.language.knows_category(category);
  const auto id = incident.id.to_text();
  const std::string host = incident.host.to_text();

  data fact = common_facts(tongue);
  add_contact(fact, tongue, id);
  fact.set("accent", is_known ? category : "other");  // a class of the style sheet, never the feed's own text
  fact.set(
      "category",
      is_known || category.empty()
          ? tongue.language.texts()["categories"][is_known ? category : "other"]["word"].get<std::string>()
          : category);
  fact.set("raw_category", category);
  fact.set("incident", std::string(id.view()));
  fact.set("spelled", tongue.language.spelled(id));
  fact.set("host", host);
  set_unless_empty(fact, "readable", readable(host));
  set_unless_empty(fact, "threat", printable(verdict.threat));
  set_unless_empty(fact, "feed", printable(verdict.feed));
  set_unless_empty(fact, "reference", printable(verdict.reference));
  set_unless_empty(fact, "matched", matched_text(verdict));
  fact.set("action", std::string(to_text(verdict.action)));
  fact.set("client", incident.client.to_text());
  fact.set("local_time", tongue.language.local_time(incident.time));
  fact.set("utc", to_rfc3339(incident.time));
  return fact;
}

Result<Page> Page::load(const BlockpageSettings& settings, Assets assets) {
  auto state = std::make_unique<State>();
  state->settings = settings;
  const auto complete =
      nlohmann::json::parse(find_asset(embedded_assets(), kReferenceLanguage), nullptr, false);
  for (const std::string& tag : settings.languages) {
    if (auto added = state->add_language(assets, tag, complete); !added) {
      return added.error();
    }
  }
  if (state->tongues.empty()) {
    return fail("block page: no language is configured");
  }
  state->link_languages();
  auto blocked = compile(assets, "page.html");
  if (!blocked) {
    return blocked.error();
  }
  auto elsewhere = compile(assets, "elsewhere.html");
  if (!elsewhere) {
    return elsewhere.error();
  }
  state->blocked = std::move(*blocked);
  state->elsewhere = std::move(*elsewhere);
  state->style = style_hash(find_asset(assets, "style.css"));
  return Page(std::move(state));
}

Page::Page(std::unique_ptr<State> state) : state_(std::move(state)), tags_(state_->settings.languages) {}
Page::Page(Page&&) noexcept = default;
Page& Page::operator=(Page&&) noexcept = default;
Page::~Page() = default;

HttpResponse Page::blocked(const Incident& incident, size_t language) const {
  const State::Tongue& tongue = state_->tongues[language];
  data facts(data::type::object);
  facts.set("fact", state_->facts(tongue, incident));
  const auto category = tongue.categories.find(incident.verdict.category.view());
  // Looked up from the last to the first: the facts, the words for this category, the words for all.
  kainjow::mustache::context<std::string> context(&tongue.texts);
  context.push(category != tongue.categories.end() ? &category->second : &tongue.categories.at("other"));
  context.push(&facts);
  HttpResponse response =
      safe_response(403, "text/html; charset=utf-8", state_->blocked.render(context), state_->style);
  response.headers.emplace_back("content-language", tongue.language.tag());
  return response;
}

HttpResponse Page::elsewhere(size_t language) const {
  const State::Tongue& tongue = state_->tongues[language];
  data facts(data::type::object);
  facts.set("fact", state_->common_facts(tongue));
  kainjow::mustache::context<std::string> context(&tongue.texts);
  context.push(&facts);
  HttpResponse response =
      safe_response(421, "text/html; charset=utf-8", state_->elsewhere.render(context), state_->style);
  response.headers.emplace_back("content-language", tongue.language.tag());
  return response;
}

}  // namespace cenote
