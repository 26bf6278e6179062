/** Styles that the bundler gathers into console.css. */
declare module "*.css";
