// The same stack for users of CDK in TypeScript: ../../template.yaml, included as it is.
//   npm install; npx cdk deploy -c EnvironmentSuffix=dev --parameters CodeBucket=BUCKET --parameters ...
// `recsys package --bucket BUCKET` puts the Lambda zips and the nested parts into that bucket, which must be there, and
// prints CodeBucket=BUCKET and all their keys.
// Where the API changes, by its parameters too, add -c Template=FILE with what `recsys template NAME=VALUE ...` prints.
import * as path from "node:path";
import * as cdk from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";

const app = new cdk.App();
const suffix: string = app.node.tryGetContext("EnvironmentSuffix") ?? "dev";
const file: string = app.node.tryGetContext("Template") ?? path.join(__dirname, "..", "..", "template.yaml");
const owner: string = app.node.tryGetContext("owner") ?? "cdk";
const expiry: string = app.node.tryGetContext("expiry") ?? "never";
const stack = new cdk.Stack(app, "Recsys", {
  stackName: `recsys-${suffix}`,
  synthesizer: new cdk.DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
  tags: { project: "recsys", stage: suffix, run: "by-hand", owner, expiry },
});
const template = new CfnInclude(stack, "Template", {
  templateFile: file,
  preserveLogicalIds: true,
});
template.getParameter("EnvironmentSuffix").default = suffix;
app.synth();
