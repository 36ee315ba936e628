// named.conf: zone "x" { type master; ... }; is read, nothing is ever executed or included. A statement may
// span lines.
#include "ioc/byte_set.h"
#include "ioc/formats/formats.h"

namespace cenote {
namespace {

constexpr ByteSet kMarks("{};");
constexpr ByteSet kWordEnds(" \t{};\"");

class Bind : public LineFormat {
 public:
  explicit Bind(Intake& intake) : LineFormat(intake), scope_(intake.scope_or(Scope::kSuffix)) {}

 protected:
  void read_line(std::string_view line) override {
    while (true) {
      line = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
      if (in_comment_) {
        const size_t end = line.find("*/");
        if (end == std::string_view::npos) {
          return;
        }
        in_comment_ = false;
        line.remove_prefix(end + 2);
      } else if (line.empty() || line[0] == '#' || line.starts_with("//")) {
        return;
      } else if (line.starts_with("/*")) {
        in_comment_ = true;
        line.remove_prefix(2);
      } else {
        take(next_token(line));
      }
    }
  }

 private:
  // A quoted string (the quotes stay), a word, or one of { } ;
  static std::string_view next_token(std::string_view& line) {
    size_t size = 1;
    if (line[0] == '"') {
      size = std::min(line.find('"', 1), line.size() - 1) + 1;
    } else if (!kMarks.has(line[0])) {
      size = std::min(kWordEnds.find_in(line), line.size());
    }
    const std::string_view token = line.substr(0, size);
    line.remove_prefix(size);
    return token;
  }

  // Only two statements matter: the outer one's first words and, directly within a zone, "type".
  void take(std::string_view token) {
    if (token == "{") {
      ++depth_;
      word_ = 0;
    } else if (token == "}") {
      if (depth_ > 0) {
        word_ = --depth_ == 0 ? 1 : 0;  // what follows belongs to the outer statement until its ";"
      }
    } else if (token == ";") {
      if (depth_ == 0) {
        end_statement();
      }
      word_ = 0;
    } else {
      note(token);
      ++word_;
    }
  }

  void note(std::string_view word) {
    if (depth_ == 0 && word_ == 0) {
      keyword_ = word;
    } else if (depth_ == 0 && word_ == 1 && name_.empty()) {
      name_ = word;
    } else if (depth_ == 1 && word_ == 0) {
      inner_ = word;
    } else if (depth_ == 1 && word_ == 1 && inner_ == "type") {
      type_ = word;
    }
  }

  void end_statement() {
    const bool quoted = name_.size() > 1 && name_.front() == '"' && name_.back() == '"';
    const std::string_view name =
        quoted ? std::string_view(name_).substr(1, name_.size() - 2) : std::string_view(name_);
    if (keyword_ == "zone" && (type_ == "master" || type_ == "primary")) {
      intake_.field(name, kNameForms, scope_);
    } else if (!keyword_.empty()) {  // a zone of another type is asked elsewhere: no block
      intake_.reject(keyword_ + " " + name_,
                     keyword_ == "include" ? Reason::kIncludeRefused : Reason::kUnsupportedRule);
    }
    keyword_.clear();
    name_.clear();
    inner_.clear();
    type_.clear();
  }

  Scope scope_;
  int depth_ = 0;    // open braces
  size_t word_ = 0;  // words of the current statement so far
  bool in_comment_ = false;
  std::string keyword_;
  std::string name_;
  std::string inner_;
  std::string type_;
};

}  // namespace

std::unique_ptr<Stage> make_bind(Intake& intake) {
  return std::make_unique<Bind>(intake);
}

}  // namespace cenote
