// Comma separated values (RFC 4180) as feeds write them: comment lines, a header that may hide in the last
// comment, other delimiters, mixed types in one column. libcsv finds the fields; which of them matter is
// decided once, at the header.
#include <algorithm>
#include <array>
#include <optional>

#include <csv.h>

#include "ioc/formats/csv_columns.h"
#include "ioc/formats/formats.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr size_t kMaxRowBytes = 1 << 20;
constexpr size_t kMaxFieldBytes = 4096;  // of the indicator; others are cut by whoever shows them

class Csv : public LineFormat {
 public:
  explicit Csv(Intake& intake) : LineFormat(intake) {
    set_tolerant(kMaxRowBytes);
    csv_init(&parser_, CSV_APPEND_NULL);
  }
  ~Csv() override { csv_free(&parser_); }
  Csv(const Csv&) = delete;
  Csv& operator=(const Csv&) = delete;

 protected:
  void read_line(std::string_view line) override {
    // Where ";" separates, a row may begin with one.
    const bool semicolons = columns_ && csv_get_delim(&parser_) == ';';
    if (!row_open_ && is_comment(line, semicolons ? "#" : "#;")) {
      last_comment_ = columns_ ? std::string() : std::string(trim_blanks(line.substr(0, kMaxFieldBytes)));
      return;
    }
    if (!delimiter_known_) {
      set_delimiter(line);
    }
    if (!row_open_ && split_simple(line)) {
      take_row();
      return;
    }
    row_bytes_ += line.size() + 1;
    row_open_ = true;
    push(line);
    push("\n");
    if (row_open_ && row_bytes_ > kMaxRowBytes) {
      intake_.reject(line.substr(0, kMaxFieldBytes), Reason::kLineTooLong);
      restart();
    }
  }

  void read_end() override {
    if (row_open_) {
      intake_.reject(row_.empty() ? std::string_view() : row_.front(), Reason::kCsvUnclosedQuote);
    }
  }

 private:
  void set_delimiter(std::string_view line) {
    const char given = intake_.options().delimiter;
    // The header of abuse.ch's files stands in the comment above the first row.
    const bool hidden = is_header(split_header(last_comment_, ','), intake_.options());
    const char seen = hidden ? ',' : likely_delimiter(line);
    const auto delimiter = static_cast<unsigned char>(given != '\0' ? given : seen);
    csv_set_delim(&parser_, delimiter);
    delimiter_known_ = true;
  }

  // Most rows hold no quote within a field: those need no automaton. The same fields as libcsv makes of them;
  // false, and nothing kept, where it is not sure.
  bool split_simple(std::string_view line) {
    const char delimiter = static_cast<char>(csv_get_delim(&parser_));
    const auto is_blank = [&](size_t at) {
      return (line[at] == ' ' || line[at] == '\t') && line[at] != delimiter;
    };
    if (line.size() >= kMaxRowBytes || line.find('\r') != std::string_view::npos) {
      return false;
    }
    fields_ = 0;
    for (size_t at = 0;; ++at) {
      while (at < line.size() && is_blank(at)) {
        ++at;
      }
      size_t begin = at;
      size_t end = std::min(line.find(delimiter, at), line.size());
      if (at < line.size() && line[at] == '"') {
        begin = at + 1;
        end = line.find('"', begin);
        if (end == std::string_view::npos) {
          break;
        }
        for (at = end + 1; at < line.size() && is_blank(at); ++at) {
        }
        if (at < line.size() && line[at] != delimiter) {
          break;
        }
      } else {
        at = end;
        while (end > begin && is_blank(end - 1)) {
          --end;
        }
        if (line.substr(begin, end - begin).find('"') != std::string_view::npos) {
          break;
        }
      }
      take_field(line.substr(begin, end - begin));
      if (at == line.size()) {
        return true;
      }
    }
    fields_ = 0;
    return false;
  }

  void push(std::string_view bytes) {
    csv_parse(
        &parser_, bytes.data(), bytes.size(),
        [](void* text, size_t size, void* self) {
          static_cast<Csv*>(self)->take_field({static_cast<char*>(text), size});
        },
        [](int, void* self) { static_cast<Csv*>(self)->take_row(); }, this);
  }

  void restart() {
    csv_fini(&parser_, nullptr, nullptr, nullptr);
    fields_ = 0;
    row_bytes_ = 0;
    row_open_ = false;
  }

  void take_field(std::string_view text) {
    if (fields_ == row_.size()) {
      row_.emplace_back();
    }
    row_[fields_++] = text;
  }

  void take_row() {
    row_.resize(fields_);
    if (columns_) {
      read_row();
    } else {
      find_columns();
    }
    fields_ = 0;
    row_bytes_ = 0;
    row_open_ = false;
  }

  void find_columns() {
    const ParseOptions& options = intake_.options();
    const auto hidden = split_header(last_comment_, static_cast<char>(csv_get_delim(&parser_)));
    if (options.header != false && is_header(row_, options)) {
      columns_ = columns_of_header(row_, options);
    } else if (options.header != true && is_header(hidden, options)) {
      columns_ = columns_of_header(hidden, options);
      read_row();
    } else if (options.header == true) {
      columns_ = columns_of_header(row_, options);
    } else {
      columns_ = columns_without_header(row_, options);
      read_row();
    }
  }

  [[nodiscard]] std::string_view at(std::optional<size_t> column) const {
    if (!column || *column >= row_.size() || row_[*column] == "None") {  // abuse.ch writes "None" for nothing
      return {};
    }
    return row_[*column];
  }

  void read_row() {
    const std::string_view text = at(columns_->indicator);
    if (columns_->type && !columns_->takes_type(at(columns_->type))) {
      intake_.reject(text, Reason::kNotNetwork);
      return;
    }
    if (text.size() > kMaxFieldBytes) {
      intake_.reject(text.substr(0, kMaxFieldBytes), Reason::kLineTooLong);
      return;
    }
    if (std::any_of(text.begin(), text.end(),
                    [](char c) { return static_cast<uint8_t>(c) < 0x20 && c != '\t'; })) {
      intake_.reject(text, Reason::kControlChar);
      return;
    }
    Indicator indicator;
    indicator.scope = intake_.scope_or(Scope::kExact);
    indicator.threat = at(columns_->threat);
    indicator.reference = at(columns_->reference);
    indicator.source_ref = at(columns_->id);
    if (const auto confidence = parse_number(at(columns_->confidence), 100)) {
      indicator.confidence = static_cast<int>(*confidence);
    }
    indicator.first_seen = read_csv_time(at(columns_->first_seen));
    indicator.valid_until = read_csv_time(at(columns_->valid_until));
    indicator.note = at(columns_->note);
    constexpr Forms kForms{.address = true, .url = true, .bare_url = true, .stars = true};
    intake_.field(text, kForms, indicator);
  }

  csv_parser parser_{};
  bool delimiter_known_ = false;
  bool row_open_ = false;
  size_t row_bytes_ = 0;
  size_t fields_ = 0;  // of the current row, in row_
  std::vector<std::string> row_;
  std::string last_comment_;
  std::optional<CsvColumns> columns_;
};

}  // namespace

std::unique_ptr<Stage> make_csv(Intake& intake) {
  return std::make_unique<Csv>(intake);
}

}  // namespace cenote
