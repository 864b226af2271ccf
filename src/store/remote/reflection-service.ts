/**
 * The reflection service that gRPC tools ask any server for (grpc.reflection.v1): which services there are, and the
 * files that describe them, so that grpcurl and the like need no .proto of ours.
 */
import { createRegistry, type DescFile, type DescService, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";

import type {
  ServerReflection,
  ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from "./gen/grpc/reflection/v1/reflection_pb.ts";

/** Makes it over the services that are served. */
export function createReflectionService(services: readonly DescService[]): ServiceImpl<typeof ServerReflection> {
  const files = new Map<string, DescFile>();
  for (const { file } of services) addFile(files, file);
  const registry = createRegistry(...files.values());
  /** The file of a symbol, or of what a field or a method is a member of. */
  const fileOf = (symbol: string): DescFile | undefined =>
    registry.get(symbol)?.file ?? registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf("."))))?.file;
  const answer = ({ messageRequest }: ServerReflectionRequest): Answer => {
    switch (messageRequest.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename":
        return describe(files, files.get(messageRequest.value));
      case "fileContainingSymbol":
        return describe(files, fileOf(messageRequest.value));
      case "fileContainingExtension":
      case "allExtensionNumbersOfType":
      case undefined:
        return describe(files, undefined);
    }
  };
  return {
    async *serverReflectionInfo(requests) {
      for await (const originalRequest of requests) {
        yield { validHost: originalRequest.host, originalRequest, messageResponse: answer(originalRequest) };
      }
    },
  };
}

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/** A file and all that it imports, by their names. */
function addFile(files: Map<string, DescFile>, file: DescFile): void {
  if (files.has(file.proto.name)) return;
  files.set(file.proto.name, file);
  for (const imported of file.dependencies) addFile(files, imported);
}

function describe(files: ReadonlyMap<string, DescFile>, file: DescFile | undefined): Answer {
  if (file === undefined || files.get(file.proto.name) === undefined) {
    return {
      case: "errorResponse",
      value: { errorCode: Code.NotFound, errorMessage: "nothing of that name is served" },
    };
  }
  const found = new Map<string, DescFile>();
  addFile(found, file);
  const fileDescriptorProto = [...found.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}
