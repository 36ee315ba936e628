// One language of the block page: its texts out of one file, and how it writes a date and spells an incident
// number. Immutable after load. A text is plain text; the template escapes it.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "resolver/base/clock.h"
#include "resolver/base/result.h"

namespace cenote {

class Language {
 public:
  // `complete` has every key that a language must have; the error names those that `file` lacks.
  static Result<Language> load(std::string tag, std::string_view file, const nlohmann::json& complete);

  [[nodiscard]] const std::string& tag() const noexcept { return tag_; }
  [[nodiscard]] std::string text(const char* key) const { return texts_.at(key).get<std::string>(); }
  [[nodiscard]] const nlohmann::json& texts() const noexcept { return texts_; }
  [[nodiscard]] bool knows_category(std::string_view category) const;

  // In the zone of this machine, with the zone: "Sunday, 22 November 2026, 19:15 JST (UTC+9)".
  [[nodiscard]] std::string local_time(WallTime time) const;
  // For the telephone: "7, Kilo, 4, ...", a line for each of its two halves.
  [[nodiscard]] std::string spelled(std::string_view incident) const;

 private:
  std::string tag_;
  nlohmann::json texts_;
};

}  // namespace cenote
