#include "resolver/upstream/carrier.h"

#include "resolver/base/text.h"
#include "resolver/dns/types.h"
#include "resolver/net/frame.h"
#include "resolver/net/http2_client.h"

namespace cenote {
namespace {

class FrameCarrier final : public Carrier {
 public:
  void begin(std::string& /*out*/) override {}

  std::optional<uint32_t> send(Bytes query, std::string& out) override {
    std::array<uint8_t, kFrameHeaderSize> header;
    ByteWriter writer(header);
    write_frame_header(writer, query.size());
    out += as_text(header);
    out += as_text(query);
    return id_of(query);
  }

  void cancel(uint32_t /*key*/, std::string& /*out*/) override {}

  bool receive(Bytes bytes, std::string& /*out*/) override {
    frames_.feed(bytes);
    return true;
  }

  std::optional<Arrived> next() override {
    while (const auto message = frames_.next()) {
      if (message->size() >= kHeaderBytes) {
        return Arrived{id_of(*message), *message, false};
      }
    }
    return std::nullopt;
  }

 private:
  static uint32_t id_of(Bytes message) { return (uint32_t{message[0]} << 8) | message[1]; }
  FrameReader frames_;
};

class HttpCarrier final : public Carrier {
 public:
  HttpCarrier(std::string authority, std::string path)
      : path_(std::move(path)), http_(std::move(authority), kMaxMessageBytes) {}

  void begin(std::string& out) override { http_.take_output(out); }

  std::optional<uint32_t> send(Bytes query, std::string& out) override {
    const uint32_t id = http_.post(path_, kMediaType, query);
    http_.take_output(out);
    return id == 0 ? std::nullopt : std::optional(id);
  }

  void cancel(uint32_t key, std::string& out) override {
    http_.cancel(key);
    http_.take_output(out);
  }

  bool receive(Bytes bytes, std::string& out) override {
    http_.receive(bytes);
    http_.take_output(out);
    return http_.is_usable();
  }

  std::optional<Arrived> next() override {
    auto response = http_.next();
    if (!response) {
      return std::nullopt;
    }
    last_ = std::move(*response);
    const std::string_view type =
        trim(std::string_view(last_.content_type).substr(0, last_.content_type.find(';')));
    const bool is_answer = last_.status >= 200 && last_.status < 300 && last_.body.size() >= kHeaderBytes &&
                           equal_ignoring_case(type, kMediaType);
    return Arrived{last_.id, is_answer ? Bytes(last_.body) : Bytes{}, last_.is_refused};
  }

 private:
  static constexpr std::string_view kMediaType = "application/dns-message";
  std::string path_;
  Http2Client http_;
  Http2Client::Response last_;
};

}  // namespace

std::unique_ptr<Carrier> make_frame_carrier() {
  return std::make_unique<FrameCarrier>();
}

std::unique_ptr<Carrier> make_http_carrier(std::string authority, std::string path) {
  return std::make_unique<HttpCarrier>(std::move(authority), std::move(path));
}

}  // namespace cenote
