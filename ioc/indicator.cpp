#include "ioc/indicator.h"

#include <array>
#include <utility>

namespace cenote {
namespace {

template <typename Enum>
struct Word {
  Enum value;
  std::string_view text;
};

constexpr std::array<Word<Action>, 8> kActions{{{Action::kPass, "pass"},
                                                {Action::kMonitor, "monitor"},
                                                {Action::kNodata, "nodata"},
                                                {Action::kNxdomain, "nxdomain"},
                                                {Action::kSinkhole, "sinkhole"},
                                                {Action::kRefuse, "refuse"},
                                                {Action::kDrop, "drop"},
                                                {Action::kAllow, "allow"}}};
constexpr std::array<Word<Scope>, 3> kScopes{
    {{Scope::kExact, "exact"}, {Scope::kSuffix, "suffix"}, {Scope::kBelow, "below"}}};

template <typename Enum, size_t N>
std::string_view text_of(const std::array<Word<Enum>, N>& words, Enum value) noexcept {
  for (const auto& word : words) {
    if (word.value == value) {
      return word.text;
    }
  }
  return "?";
}

template <typename Enum, size_t N>
std::optional<Enum> value_of(const std::array<Word<Enum>, N>& words, std::string_view text) noexcept {
  for (const auto& word : words) {
    if (word.text == text) {
      return word.value;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_text(Action action) noexcept {
  return text_of(kActions, action);
}
std::optional<Action> parse_action(std::string_view text) noexcept {
  return value_of(kActions, text);
}
std::string_view to_text(Scope scope) noexcept {
  return text_of(kScopes, scope);
}
std::optional<Scope> parse_scope(std::string_view text) noexcept {
  return value_of(kScopes, text);
}

}  // namespace cenote
