#include <array>

#include <zlib.h>
#include <zstd.h>

#include "ioc/stage.h"
#include "resolver/base/bytes.h"

namespace cenote {
namespace {

constexpr std::string_view kGzipMagic("\x1F\x8B", 2);
constexpr std::string_view kZstdMagic("\x28\xB5\x2F\xFD", 4);
constexpr size_t kBlock = 64 * 1024;
// A well compressed beginning alone is no bomb; below this only the whole feed's ratio counts.
constexpr uint64_t kRatioGrace = 1 << 20;

// Counts what goes in and comes out, so that a bomb stops at the first byte too many.
class Meter {
 public:
  explicit Meter(uint64_t most) : most_(most) {}
  Result<void> add(uint64_t in, uint64_t out) {
    in_ += in;
    out_ += out;
    if (out_ > most_) {
      return fail("decompression bomb: inflates to more than {} bytes", most_);
    }
    return out_ > kRatioGrace ? check_ratio() : Result<void>{};
  }
  [[nodiscard]] Result<void> check_ratio() const {
    if (out_ > in_ * kMaxInflateRatio) {
      return fail("decompression bomb: inflates to more than {} times its size", kMaxInflateRatio);
    }
    return {};
  }

 private:
  uint64_t most_;
  uint64_t in_ = 0;
  uint64_t out_ = 0;
};

class Gunzip : public Stage {
 public:
  Gunzip(Stage& next, uint64_t most) : next_(next), meter_(most) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib.h: "add 16 to decode only the gzip format"
    ready_ = inflateInit2(&stream_, kGzipOnly) == Z_OK;
  }
  ~Gunzip() override { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  Result<void> feed(std::string_view bytes) override {
    if (!ready_) {
      return fail("gzip: out of memory");
    }
    stream_.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's interface lacks const
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      if (ended_ && stream_.avail_in > 0) {  // members may follow each other (RFC 1952 section 2.2)
        inflateReset(&stream_);
        ended_ = false;
      }
      const uInt before = stream_.avail_in;
      stream_.next_out = block_.data();
      stream_.avail_out = static_cast<uInt>(block_.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return fail("gzip: {}", stream_.msg != nullptr ? stream_.msg : "damaged");
      }
      ended_ = status == Z_STREAM_END;
      const size_t size = block_.size() - stream_.avail_out;
      if (auto ok = meter_.add(before - stream_.avail_in, size); !ok) {
        return ok;
      }
      if (auto ok = next_.feed(as_text({block_.data(), size})); !ok) {
        return ok;
      }
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return {};
  }

  Result<void> finish() override {
    if (!ended_) {
      return fail("gzip: truncated");
    }
    if (auto ok = meter_.check_ratio(); !ok) {
      return ok;
    }
    return next_.finish();
  }

 private:
  Stage& next_;
  Meter meter_;
  z_stream stream_{};
  bool ready_ = false;
  bool ended_ = false;
  std::array<uint8_t, kBlock> block_;
};

class Unzstd : public Stage {
 public:
  Unzstd(Stage& next, uint64_t most)
      : next_(next), meter_(most), stream_(ZSTD_createDStream(), ZSTD_freeDStream) {}

  Result<void> feed(std::string_view bytes) override {
    if (!stream_) {
      return fail("zstd: out of memory");
    }
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    ZSTD_outBuffer out{};
    do {
      const size_t before = in.pos;
      out = {block_.data(), block_.size(), 0};
      const size_t status = ZSTD_decompressStream(stream_.get(), &out, &in);
      if (ZSTD_isError(status) != 0) {
        return fail("zstd: {}", ZSTD_getErrorName(status));
      }
      if (in.pos != before || out.pos != 0) {  // a call without work asks for the next frame's header
        ended_ = status == 0;
      }
      if (auto ok = meter_.add(in.pos - before, out.pos); !ok) {
        return ok;
      }
      if (auto ok = next_.feed(as_text({block_.data(), out.pos})); !ok) {
        return ok;
      }
    } while (in.pos < in.size || out.pos == out.size);
    return {};
  }

  Result<void> finish() override {
    if (!ended_) {
      return fail("zstd: truncated");
    }
    if (auto ok = meter_.check_ratio(); !ok) {
      return ok;
    }
    return next_.finish();
  }

 private:
  Stage& next_;
  Meter meter_;
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
  bool ended_ = false;
  std::array<uint8_t, kBlock> block_;
};

// Waits for the magic, then is what it says.
class Inflater : public Stage {
 public:
  Inflater(Stage& next, uint64_t most) : next_(next), most_(most) {}

  Result<void> feed(std::string_view bytes) override {
    if (chosen_ != nullptr) {
      return chosen_->feed(bytes);
    }
    head_ += bytes;
    return head_.size() < kZstdMagic.size() ? Result<void>{} : choose();
  }

  Result<void> finish() override {
    if (chosen_ == nullptr) {
      if (auto ok = choose(); !ok) {
        return ok;
      }
    }
    return chosen_->finish();
  }

 private:
  Result<void> choose() {
    if (head_.starts_with(kGzipMagic)) {
      own_ = std::make_unique<Gunzip>(next_, most_);
    } else if (head_.starts_with(kZstdMagic)) {
      own_ = std::make_unique<Unzstd>(next_, most_);
    }
    chosen_ = own_ ? own_.get() : &next_;
    return chosen_->feed(std::exchange(head_, {}));
  }

  Stage& next_;
  uint64_t most_;
  std::string head_;
  std::unique_ptr<Stage> own_;
  Stage* chosen_ = nullptr;
};

}  // namespace

std::unique_ptr<Stage> make_inflater(Stage& next, uint64_t most) {
  return std::make_unique<Inflater>(next, most);
}

}  // namespace cenote
