#include "blockpage/language.h"

#include <cstdlib>
#include <ctime>
#include <utility>

#include <fmt/format.h>

namespace cenote {
namespace {

// The first key of `complete` that `texts` lacks or has in another shape, as "categories.c2.title"; empty:
// none.
std::string first_missing(const nlohmann::json& complete, const nlohmann::json& texts,
                          const std::string& path) {
  if (complete.type() != texts.type()) {
    return path;
  }
  if (complete.is_array()) {
    // Lists of steps may differ in length; lists of plain words (months) may not.
    if (!complete.empty() && complete[0].is_string() && complete.size() != texts.size()) {
      return path;
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto missing = first_missing(complete[0], texts[i], fmt::format("{}[{}]", path, i));
      if (!missing.empty()) {
        return missing;
      }
    }
    return texts.empty() ? path : "";
  }
  if (complete.is_object()) {
    for (const auto& [key, value] : complete.items()) {
      const std::string below = path.empty() ? key : path + "." + key;
      const auto missing = texts.contains(key) ? first_missing(value, texts[key], below) : below;
      if (!missing.empty()) {
        return missing;
      }
    }
  }
  return {};
}

void replace(std::string& text, std::string_view from, const std::string& to) {
  if (const size_t at = text.find(from); at != std::string::npos) {
    text.replace(at, from.size(), to);
  }
}

// "JST (UTC+9)", "UTC"; zones without a name of their own carry a number ("+0530"), which would say it twice.
std::string zone_text(const std::tm& local) {
  const long minutes = local.tm_gmtoff / 60;
  const std::string name = local.tm_zone != nullptr ? local.tm_zone : "";
  if (minutes == 0) {
    return "UTC";
  }
  std::string offset = fmt::format("UTC{}{}", minutes < 0 ? "-" : "+", std::labs(minutes) / 60);
  if (minutes % 60 != 0) {
    offset += fmt::format(":{:02}", std::labs(minutes) % 60);
  }
  const bool has_name = !name.empty() && name[0] != '+' && name[0] != '-';
  return has_name ? fmt::format("{} ({})", name, offset) : offset;
}

}  // namespace

Result<Language> Language::load(std::string tag, std::string_view file, const nlohmann::json& complete) {
  Language language;
  language.texts_ = nlohmann::json::parse(file, nullptr, false);
  if (language.texts_.is_discarded()) {
    return fail("language {}: not JSON", tag);
  }
  if (const std::string missing = first_missing(complete, language.texts_, ""); !missing.empty()) {
    return fail("language {}: \"{}\" is missing or of another shape", tag, missing);
  }
  language.tag_ = std::move(tag);
  return language;
}

bool Language::knows_category(std::string_view category) const {
  return texts_["categories"].contains(std::string(category));
}

std::string Language::local_time(WallTime time) const {
  const std::time_t at = unix_seconds(time);
  std::tm local{};
  localtime_r(&at, &local);
  std::string date = text("date");
  replace(date, "{weekday}", texts_["weekdays"][static_cast<size_t>(local.tm_wday)].get<std::string>());
  replace(date, "{month}", texts_["months"][static_cast<size_t>(local.tm_mon)].get<std::string>());
  replace(date, "{year}", std::to_string(local.tm_year + 1900));
  replace(date, "{day}", std::to_string(local.tm_mday));
  replace(date, "{hour}", fmt::format("{:02}", local.tm_hour));
  replace(date, "{minute}", fmt::format("{:02}", local.tm_min));
  return fmt::format("{} {}", date, zone_text(local));
}

std::string Language::spelled(std::string_view incident) const {
  const nlohmann::json& words = texts_["spelling"];
  const std::string separator = text("spelling_separator");
  std::string spelled;
  bool starts_group = true;
  for (const char c : incident) {
    if (c == '-') {
      spelled += "\n";
      starts_group = true;
      continue;
    }
    const std::string letter(1, c);
    spelled += std::exchange(starts_group, false) ? "" : separator;
    spelled += words.contains(letter) ? words[letter].get<std::string>() : letter;
  }
  return spelled;
}

}  // namespace cenote
