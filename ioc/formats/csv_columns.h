// Which columns of a table matter, found once from its header (or from its first row).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ioc/parse.h"

namespace cenote {

struct CsvColumns {
  size_t indicator = 0;
  std::optional<size_t> type;
  std::optional<size_t> threat;
  std::optional<size_t> confidence;
  std::optional<size_t> first_seen;
  std::optional<size_t> valid_until;
  std::optional<size_t> note;
  std::optional<size_t> reference;
  std::optional<size_t> id;
  bool strict_types = false;  // the type column is surely one: unknown types are refused
  std::vector<std::string> types;

  [[nodiscard]] bool takes_type(std::string_view word) const;
};

bool is_header(const std::vector<std::string>& row, const ParseOptions& options);
CsvColumns columns_of_header(const std::vector<std::string>& header, const ParseOptions& options);
CsvColumns columns_without_header(const std::vector<std::string>& row, const ParseOptions& options);

// The delimiter that a row seems to have; ',' when none does.
char likely_delimiter(std::string_view line) noexcept;
// The fields of a header written as a comment ("# id,dateadded,url").
std::vector<std::string> split_header(std::string_view comment, char delimiter);
// "2026-01-31 12:00:00" or RFC 3339.
std::optional<WallTime> read_csv_time(std::string_view text);

}  // namespace cenote
