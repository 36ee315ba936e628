#include "ioc/formats/format.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

bool is_pattern(std::string_view field, const Forms& forms) noexcept {
  const bool regex = field.size() > 1 && field.starts_with('/') && field.ends_with('/');
  const std::string_view host = field.substr(0, field.find('/'));
  return regex || host.find_first_of(forms.query ? "*[" : "*?[") != std::string_view::npos;
}

// "192.0.2.0/24" in a list is a block, not host and path.
bool is_block(std::string_view field) noexcept {
  const size_t slash = field.find('/');
  return slash != std::string_view::npos && parse_number(field.substr(slash + 1), 999).has_value();
}

}  // namespace

Intake::Intake(const ParseOptions& options, FeedSink& sink)
    : options_(options),
      sink_(sink),
      guard_(options.suffixes != nullptr ? *options.suffixes : PublicSuffixes::system(), options.own) {}

void Intake::field(std::string_view text, const Forms& forms, Scope scope) {
  Indicator indicator;
  indicator.scope = scope;
  field(text, forms, indicator);
}

void Intake::field(std::string_view text, const Forms& forms, Indicator& indicator) {
  indicator.kind = Indicator::Kind::kName;
  // Nearly every field is a plain name; all that could be anything else fails one of these two.
  if (canonical_name(text, host_) == Reason::kNone && check_name(host_) == Reason::kNone) {
    hand_over(text, forms, indicator);
    return;
  }
  odd_field(text, forms, indicator);
}

void Intake::odd_field(std::string_view text, const Forms& forms, Indicator& indicator) {
  std::string_view field = trim_blanks(text);
  if (refang(field, plain_)) {
    field = plain_;
  }
  const Reason reason = field.empty()                                   ? Reason::kEmpty
                        : field == "." || field == "*" || field == "*." ? Reason::kRoot
                                                                        : read_host(field, forms, indicator);
  if (reason != Reason::kNone) {
    reject(text, reason);
    return;
  }
  hand_over(text, forms, indicator);
}

Reason Intake::read_host(std::string_view field, const Forms& forms, Indicator& indicator) {
  const bool has_scheme = field.find("://") != std::string_view::npos;
  if (!has_scheme && forms.address && looks_like_address(field) &&
      (field.find('/') == std::string_view::npos || is_block(field))) {
    indicator.kind = Indicator::Kind::kAddress;
    return canonical_address(field, indicator.prefix);
  }
  if (!has_scheme && is_pattern(forms.stars && field.starts_with("*.") ? field.substr(2) : field, forms)) {
    return Reason::kUnsupportedPattern;
  }
  if (!has_scheme && field.find_first_of(forms.query ? ":/?" : ":/") == std::string_view::npos) {
    return read_name(field, forms, indicator);
  }
  if (!(has_scheme ? forms.url : forms.bare_url)) {
    return Reason::kBadUrl;
  }
  const auto url = split_url(field);
  if (!url) {
    return Reason::kBadUrl;
  }
  // The URL is what is bad, the host may serve others: never more than the host itself, unless the feed is of
  // URLs and its owner said so.
  indicator.scope = forms.query ? indicator.scope : Scope::kExact;
  indicator.from_url = has_scheme || url->has_path;
  if (looks_like_address(url->host)) {
    indicator.kind = Indicator::Kind::kAddress;
    return forms.address ? canonical_address(url->host, indicator.prefix) : Reason::kNumericTld;
  }
  return read_name(url->host, kNamesOnly, indicator);
}

Reason Intake::read_name(std::string_view field, const Forms& forms, Indicator& indicator) {
  if (forms.stars && field.starts_with("*.")) {
    field.remove_prefix(2);
    indicator.scope = forms.star;
  } else if (forms.stars && field.starts_with('.')) {
    field.remove_prefix(1);
    indicator.scope = Scope::kSuffix;
  }
  const Reason reason = canonical_name(field, host_);
  return reason != Reason::kNone ? reason : check_name(host_);
}

void Intake::address(std::string_view text, Indicator& indicator) {
  std::string_view field = trim_blanks(text);
  if (refang(field, plain_)) {
    field = plain_;
  }
  indicator.kind = Indicator::Kind::kAddress;
  const Reason reason = field.empty() ? Reason::kEmpty : canonical_address(field, indicator.prefix);
  if (reason != Reason::kNone) {
    reject(text, reason);
    return;
  }
  sink_.accept(indicator, line);
}

void Intake::hand_over(std::string_view text, const Forms& forms, Indicator& indicator) {
  if (indicator.kind == Indicator::Kind::kAddress) {
    sink_.accept(indicator, line);
    return;
  }
  if (forms.known_tld && !guard_.has_known_tld(host_)) {
    reject(text, Reason::kUnknownTld);
    return;
  }
  indicator.name = host_.name;
  const Reason reason = guard_.check(host_, indicator.scope);
  if (reason == Reason::kNone || indicator.allow) {  // the guards are against blocking too much
    sink_.accept(indicator, line);
  } else if (reason == Reason::kPrivateSuffix) {
    sink_.hold(indicator, line, to_text(reason));
  } else {
    reject(text, reason);
  }
}

}  // namespace cenote
