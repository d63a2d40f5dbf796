/** What the shapes of several kinds have in common. */
import { z } from "zod";
import { labels, name } from "./scalar.ts";

export const API_VERSION = "weft.network/v1alpha1";

export const apiVersion = z.literal(API_VERSION).describe("The version of these shapes.");
const objectName = name.describe("Unique among the tenant's objects of this kind.");
const tenant = name.describe("The tenant to whom it belongs.");

export const metadata = z.strictObject({
  name: name.describe("Unique among objects of this kind."),
  labels: labels.exactOptional(),
});

export const tenantMetadata = z.strictObject({
  name: objectName,
  tenant,
  labels: labels.exactOptional(),
});

export const encapsulation = z.enum(["vxlan", "nvgre"]);
