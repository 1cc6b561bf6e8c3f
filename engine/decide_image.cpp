#include "engine/deciding.h"

namespace banger {

Decided decide_on(const Asked& asked, const MakeImage& make) {
  if (!valid_name(make.name)) {
    return refuse(Refusal::kInvalid, "'" + make.name + "' cannot be an image's name",
                  "use up to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit");
  }
  if (make.source == ImageSource::kRecipe && make.recipe != "tiny" && make.recipe != "debian") {
    return refuse(Refusal::kInvalid, "there is no recipe '" + make.recipe + "'", "recipes are tiny and debian");
  }
  if (make.source == ImageSource::kImport && !make.path.starts_with('/')) {
    return refuse(Refusal::kInvalid, "an image is imported from an absolute path");
  }
  ImageId id{asked.command.fresh_id};
  if (asked.fleet.images.contains(id)) return refuse(Refusal::kConflict, "the new image's id is taken");
  Decision decision{stream_of(id), {}};
  if (auto named = asked.fleet.image_names.find(make.name); named != asked.fleet.image_names.end()) {
    const Image& old = asked.fleet.images.at(named->second);
    return refuse(Refusal::kAlreadyExists,
                  "there is an image " + make.name + " already (" + std::string(name_of(old.state)) + ")",
                  "choose another name, or delete it with `bangerctl image rm " + make.name + "`");
  }
  decision.events.push_back(
      {stream_of(id), ImageRequested{make.name, make.source, make.recipe, make.path}});
  return decision;
}

Decided decide_on(const Asked& asked, const DeleteImage& remove) {
  auto id = resolve_image(asked.fleet, remove.image);
  if (!id) return std::unexpected(id.error());
  if (auto parked = asked.fleet.parked.find(stream_of(*id)); parked != asked.fleet.parked.end()) {
    return refuse_parked("image " + remove.image, parked->second);
  }
  const Image& image = asked.fleet.images.at(*id);
  if (image.state == ImageState::kDeleting) return Decision{stream_of(*id), {}};
  for (const auto& [vm_id, vm] : asked.fleet.vms) {
    if (vm.image == *id) {
      return refuse(Refusal::kInUse, "image " + image.name + " is in use by VM " + vm.name,
                    "delete that first: `bangerctl vm rm " + vm.name + "`");
    }
  }
  return Decision{stream_of(*id), {{stream_of(*id), ImageDeleteRequested{}}}};
}

namespace {

// The image that an outcome is about, while that outcome is still wanted.
const Image* current(const Asked& asked, ImageId id, Sequence fence, ImageState state) {
  const Image* image = asked.fleet.image(id);
  return image && image->fence == fence && image->state == state ? image : nullptr;
}

Decision outcome(const Image* image, ImageId id, Event event) {
  Decision decision{stream_of(id), {}};
  if (image) decision.events.push_back({stream_of(id), std::move(event), image->fence, image->correlation});
  return decision;
}

}  // namespace

Decided decide_on(const Asked& asked, const ReportImageMade& report) {
  return outcome(current(asked, report.image, report.fence, ImageState::kMaking), report.image,
                 ImageReady{report.digest, report.virtual_bytes, report.disk_bytes});
}

Decided decide_on(const Asked& asked, const ReportImageFailed& report) {
  return outcome(current(asked, report.image, report.fence, ImageState::kMaking), report.image,
                 ImageFailed{report.message});
}

Decided decide_on(const Asked& asked, const ReportImageRemoved& report) {
  return outcome(current(asked, report.image, report.fence, ImageState::kDeleting), report.image,
                 ImageDeleted{});
}

}  // namespace banger
